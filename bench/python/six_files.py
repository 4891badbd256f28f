#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs memports as the forerunner did: six writes to six files each.

usage: six_files.py DIR PORTS COUNT open|reopen

DIR holds memportN/{startAddress,endAddress,offset,outId,inId,set}. Writes COUNT
memports, going round PORTS of them, and prints the nanoseconds per memport as JSON:
the median over slices of the time.
`open` keeps the files open; `reopen` opens and closes each for each write.
"""

import json
import os
import statistics
import sys
import time

FILES = ("startAddress", "endAddress", "offset", "outId", "inId", "set")
SEGMENT = 1 << 28
SLICES = 21


def values(port):
    start = 0x400000000 + port * SEGMENT
    fields = (start, start + SEGMENT - 1, 0x400000000, port, port, port)
    return [b"0x%x" % field for field in fields]


def slices(count, ports, write):
    """Median over slices of the nanoseconds per memport, as bench/harness/time.ts takes it."""
    each = -(-count // SLICES)
    found = []
    for _ in range(SLICES):
        start = time.perf_counter_ns()
        for i in range(each):
            write(i % ports)
        found.append((time.perf_counter_ns() - start) / each)
    return statistics.median(found)


def keep_open(paths, texts, count):
    fds = [[os.open(path, os.O_WRONLY) for path in row] for row in paths]

    def write(port):
        for fd, text in zip(fds[port], texts[port]):
            os.pwrite(fd, text, 0)

    return slices(count, len(fds), write)


def reopen(paths, texts, count):
    def write(port):
        for path, text in zip(paths[port], texts[port]):
            with open(path, "wb", buffering=0) as file:
                file.write(text)

    return slices(count, len(paths), write)


def main():
    directory, ports, count, mode = sys.argv[1:5]
    rows = range(int(ports))
    paths = [
        [os.path.join(directory, "memport%d" % port, name) for name in FILES] for port in rows
    ]
    texts = [values(port) for port in rows]
    ways = {"open": keep_open, "reopen": reopen}
    print(json.dumps({"ns": ways[mode](paths, texts, int(count))}))


if __name__ == "__main__":
    main()
