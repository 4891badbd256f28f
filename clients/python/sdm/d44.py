# SPDX-License-Identifier: Apache-2.0
"""The controller's calls of deliverable D4.4 (section 3.3.1), as its Python wrappers had them.

Every call returns the answer as a dict and raises nothing but ``Unreachable``: ``Status`` (also
``StatusNo``) is 0 or 1, ``Message`` is the document's sentence, ``ErrorMessage`` the same where
``Status`` is 1. Answers that the document has no sentence for have a ``code`` and say what happened.
Memory is in MiB.
"""

import uuid

from .transport import Transport


class D44:
    """The calls, for a controller at an address; see ``Transport`` for the arguments."""

    def __init__(self, address=None, token=None, pki=None, timeout=300.0):
        self._transport = Transport(address, token, pki, timeout)

    def getPlatform(self, cpus, memory, pathUtil=0):
        """Compiles a new platform configuration.

        Answers ``PlatformID`` and ``computeBrickIP`` (also ``computebrickIP``), or "Not Enough vCPUs",
        "Not enough Memory", "Resource Combo could not be achieved (maybe invoke power manager?)" or
        "pathutil exceeded".
        """
        return self._call("getPlatform", cpus=cpus, memory=memory, pathUtil=pathUtil)

    def releasePlatform(self, platformID):
        """Releases all reservations of a platform; "Reservation Not Found" if there is none."""
        return self._call("releasePlatform", platformID=platformID)

    def allocateMemory(self, platformID, memory, pathUtilization=0, migrateOK=None):
        """Adds remote memory. ``domigrate`` is answered if migrateOK (0 or 1) was given: it is 0."""
        given = {} if migrateOK is None else {"migrateOK": int(migrateOK)}
        return self._call(
            "allocateMemory",
            platformID=platformID,
            memory=memory,
            pathUtilization=pathUtilization,
            **given
        )

    def freeMemory(self, platformID, memory=None):
        """Takes remote memory back: at least so much, or all of the platform's."""
        given = {} if memory is None else {"memory": memory}
        return self._call("freeMemory", platformID=platformID, **given)

    def TotalResources(self):
        """``TotalCores``, ``TotalMemory``, ``AvailableCores`` (the most that one platform can have: of
        one coherent island), ``AvailableMemory``."""
        return self._call("TotalResources")

    def close(self):
        self._transport.close()

    def _call(self, name, **arguments):
        key = {"idempotency-key": str(uuid.uuid4())}
        _status, body = self._transport.request("POST", "/api/" + name, arguments, key)
        if isinstance(body, dict) and "Status" not in body:
            message = body.get("message", "")
            body = dict(body, Status=1, StatusNo=1, Message=message, ErrorMessage=message)
        return body


_default = None


def _controller():
    global _default
    if _default is None:
        _default = D44()
    return _default


def getPlatform(cpus, memory, pathUtil=0):
    """See D44.getPlatform; at the controller of ``$SDM_CONTROLLER`` or its usual socket."""
    return _controller().getPlatform(cpus, memory, pathUtil)


def releasePlatform(platformID):
    """See D44.releasePlatform."""
    return _controller().releasePlatform(platformID)


def allocateMemory(platformID, memory, pathUtilization=0, migrateOK=None):
    """See D44.allocateMemory."""
    return _controller().allocateMemory(platformID, memory, pathUtilization, migrateOK)


def freeMemory(platformID, memory=None):
    """See D44.freeMemory."""
    return _controller().freeMemory(platformID, memory)


def TotalResources():
    """See D44.TotalResources."""
    return _controller().TotalResources()
