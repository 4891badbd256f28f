#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent as the forerunner of this project had it: Flask-RESTful, and six files per memport.

usage: agent.py CONFIG

It attaches in mode "device" only, takes the requests of sdm-agent on the same routes, checks them
about as much, and answers alike. Its state is a dict: no journal, no owners, no links, no scrubbing.
CONFIG is JSON:

  socket      where to listen
  tree        holds memportN/{startAddress,endAddress,offset,outId,inId,set}
  memports    how many there are
  granule     ranges are multiples of it, bytes
  windowBase, windowSize, shareStart, shareSize    bytes, as "0x..." strings
"""

import json
import logging
import os
import re
import sys
import threading
from heapq import heappop, heappush
from time import perf_counter

from flask import Flask, request
from flask_restful import Api, Resource, abort

HEX = re.compile(r"0x[0-9a-fA-F]{1,16}\Z")
ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
SUBTRACT = 1 << 63


def is_hex(value):
    return isinstance(value, str) and HEX.match(value) is not None


def is_bool(value):
    return isinstance(value, bool)


# What a body may hold, and how each is checked.
KEYS = {
    "id": lambda value: isinstance(value, str) and ID.match(value) is not None,
    "mode": lambda value: value == "device",
    "size": is_hex,
    "shared": is_bool,
    "remote": is_hex,
    "retain": is_bool,
    "outId": is_hex,
    "inId": is_hex,
}


def refuse(status, code, message):
    abort(status, code=code, message=message)


def first_fit(taken, start, size, length):
    """The lowest address of `length` free bytes in a range; `taken` is sorted by start."""
    at = start
    for first, end in taken:
        if at + length <= first:
            break
        at = end
    return at if at + length <= start + size else None


class Memports:
    """The files of the glue logic: each write opens, writes and closes, as programs did."""

    def __init__(self, tree):
        self.tree = tree

    def write(self, port, name, value):
        with open(os.path.join(self.tree, "memport%d" % port, name), "w") as file:
            file.write("0x%x" % value)

    def set(self, port, start, end, offset, out_id, in_id):
        self.write(port, "startAddress", start)
        self.write(port, "endAddress", end)
        self.write(port, "offset", offset)
        self.write(port, "outId", out_id)
        self.write(port, "inId", in_id)
        self.write(port, "set", 1)

    def clear(self, port):
        self.write(port, "set", 0)


class Agent:
    def __init__(self, config):
        self.granule = int(config["granule"], 16)
        self.window = int(config["windowBase"], 16), int(config["windowSize"], 16)
        self.share = int(config["shareStart"], 16), int(config["shareSize"], 16)
        self.memports = Memports(config["tree"])
        self.free = list(range(config["memports"]))
        self.attachments = {}
        self.requests = {}
        self.ranges = {}
        self.lock = threading.Lock()

    def list(self):
        with self.lock:
            return list(self.attachments.values())

    def attach(self, body):
        size = int(body["size"], 16)
        if size == 0 or size % self.granule != 0:
            refuse(400, "SDM_INPUT", "size: expected a multiple of 0x%x" % self.granule)
        name = body.get("id") or "a-" + os.urandom(5).hex()
        with self.lock:
            existing = self.attachments.get(name)
            if existing is not None:
                if self.requests[name] != body:
                    refuse(409, "SDM_CONFLICT", "%s is another attachment" % name)
                return existing
            started = perf_counter()
            attachment = self.reserve(name, body, size)
            started = self.step(attachment, "reserved", started)
            start, remote = int(attachment["start"], 16), int(attachment["remote"], 16)
            self.memports.set(
                attachment["memport"],
                start,
                start + size - 1,
                remote - start if remote >= start else SUBTRACT | (start - remote),
                int(attachment["outId"], 16),
                int(attachment["inId"], 16),
            )
            self.step(attachment, "programmed", started)
            self.attachments[name] = attachment
            self.requests[name] = body
            self.ranges[name] = start, remote, size
            return attachment

    def reserve(self, name, body, size):
        ranges = self.ranges.values()
        starts = sorted((start, start + length) for start, _, length in ranges)
        remotes = sorted((remote, remote + length) for _, remote, length in ranges)
        start = first_fit(starts, *self.window, size)
        remote = int(body["remote"], 16) if "remote" in body else first_fit(remotes, *self.share, size)
        if start is None or remote is None:
            refuse(409, "SDM_NO_SPACE", "there are not 0x%x free bytes in one piece" % size)
        first, length = self.share
        if remote < first or remote + size > first + length or remote % self.granule != 0:
            refuse(400, "SDM_NOT_OURS", "0x%x is not in a share of this brick" % remote)
        if any(begin < remote + size and remote < end for begin, end in remotes):
            refuse(409, "SDM_RANGE_TAKEN", "0x%x is attached already" % remote)
        if not self.free:
            refuse(409, "SDM_NO_MEMPORT", "all memports are set")
        return {
            "id": name,
            "mode": "device",
            "state": "programmed",
            "size": hex(size),
            "start": hex(start),
            "end": hex(start + size - 1),
            "remote": hex(remote),
            "shared": body.get("shared", False),
            "retain": body.get("retain", False),
            "memport": heappop(self.free),
            "node": -1,
            "outId": body.get("outId", "0x0"),
            "inId": body.get("inId", "0x0"),
            "owner": "local",
            "steps": [],
        }

    @staticmethod
    def step(attachment, name, started):
        now = perf_counter()
        attachment["steps"].append({"step": name, "ms": (now - started) * 1000})
        return now

    def detach(self, name):
        with self.lock:
            attachment = self.attachments.get(name)
            if attachment is None:
                refuse(404, "SDM_NOT_FOUND", "there is no attachment %s" % name)
            started = perf_counter()
            self.memports.clear(attachment["memport"])
            self.step(attachment, "cleared", started)
            heappush(self.free, attachment["memport"])
            for table in (self.attachments, self.requests, self.ranges):
                del table[name]
            attachment["state"] = "free"
            return attachment


def checked(body):
    if not isinstance(body, dict):
        refuse(400, "SDM_INPUT", "body: expected an object")
    for key, value in body.items():
        if key not in KEYS:
            refuse(400, "SDM_INPUT", "body.%s: no such key" % key)
        if not KEYS[key](value):
            refuse(400, "SDM_INPUT", "body.%s: found %s" % (key, json.dumps(value)))
    if "size" not in body:
        refuse(400, "SDM_INPUT", "body.size: expected a value")
    return body


class Attachments(Resource):
    def __init__(self, agent):
        self.agent = agent

    def get(self):
        return {"attachments": self.agent.list()}

    def post(self):
        return self.agent.attach(checked(request.get_json())), 201


class OneAttachment(Resource):
    def __init__(self, agent):
        self.agent = agent

    def delete(self, name):
        return self.agent.detach(name)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    # A line per request would cost it time; sdm-agent writes none, either.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Flask("agent")
    api = Api(app)
    agent = {"agent": Agent(config)}
    api.add_resource(Attachments, "/v1/attachments", resource_class_kwargs=agent)
    api.add_resource(OneAttachment, "/v1/attachments/<name>", resource_class_kwargs=agent)
    app.run(host="unix://" + config["socket"], threaded=True)


if __name__ == "__main__":
    main()
