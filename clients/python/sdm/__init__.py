# SPDX-License-Identifier: Apache-2.0
"""Have the controller of a rack give and take remote memory.

Two ways to the same controller:

* ``Client`` speaks its own API (``/v1``): platforms, plans, bricks, events.
* ``getPlatform``, ``releasePlatform``, ``allocateMemory``, ``freeMemory`` and ``TotalResources`` are
  the calls of deliverable D4.4, with its arguments, answers and messages; ``D44`` has them as methods
  for a controller at another address.

Only Python's standard library is needed.
"""

from .client import Client
from .d44 import (
    D44,
    TotalResources,
    allocateMemory,
    freeMemory,
    getPlatform,
    releasePlatform,
)
from .errors import SdmError, Unreachable
from .sizes import GIB, MIB, parse_size, size_text

__all__ = [
    "Client",
    "D44",
    "GIB",
    "MIB",
    "SdmError",
    "TotalResources",
    "Unreachable",
    "allocateMemory",
    "freeMemory",
    "getPlatform",
    "parse_size",
    "releasePlatform",
    "size_text",
]
__version__ = "0.1.0"
