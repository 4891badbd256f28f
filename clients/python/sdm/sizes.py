# SPDX-License-Identifier: Apache-2.0
"""Sizes: whole bytes in Python, ``"0x..."`` strings on the wire."""

import re

MIB = 1 << 20
GIB = 1 << 30

_SIZE = re.compile(r"([0-9]+)(?:([KMGTP])(?:iB)?|B)?\Z", re.IGNORECASE)
_UNITS = " KMGTP"


def parse_size(value):
    """Bytes of a number or of a text such as ``"1GiB"``, ``"512M"`` or ``"0x40000000"``.

    Units are powers of 1024. Raises ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("expected a number of bytes or a text such as '1GiB', found %r" % (value,))
    if isinstance(value, int):
        size = value
    elif value[:2].lower() == "0x":
        size = int(value, 16)
    else:
        match = _SIZE.match(value.strip())
        if match is None:
            raise ValueError("expected a size such as '1GiB' or '0x40000000', found %r" % value)
        unit = (match.group(2) or " ").upper()
        size = int(match.group(1)) << (10 * _UNITS.index(unit))
    if not 0 <= size < 1 << 64:
        raise ValueError("expected a size from 0 to 2**64 - 1 bytes, found %r" % (value,))
    return size


def size_text(value):
    """A size as the controller takes it: ``"0x40000000"``."""
    return hex(parse_size(value))
