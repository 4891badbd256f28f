# SPDX-License-Identifier: Apache-2.0
"""The controller's own API, ``/v1``."""

import json
import uuid
from urllib.parse import quote, urlencode

from .sizes import size_text
from .transport import DEFAULT_TIMEOUT, Transport, checked

_SIZES = ("memory", "localMemory", "remoteMemory", "size")


class Client:
    """A controller at an address; see ``Transport`` for the arguments.

    Answers are dicts as docs/controller-api.md describes them, with sizes as ``"0x..."`` texts. Sizes
    that are given may be numbers of bytes or texts such as ``"1GiB"``. Every method raises ``SdmError``
    with the controller's code, or ``Unreachable``.

    Each command carries an idempotency key, a random one unless one is given: sent again with the same
    key, it is done once. May be shared by threads.
    """

    def __init__(self, address=None, token=None, pki=None, timeout=DEFAULT_TIMEOUT):
        self._transport = Transport(address, token, pki, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends this thread's connection; the next request makes a new one."""
        self._transport.close()

    # platforms

    def platforms(self):
        return list(self.each_platform())

    def each_platform(self, page=None):
        """Yields all platforms in the order of their ids; asks for at most ``page`` at a time."""
        query = {"after": 0} if page is None else {"after": 0, "limit": page}
        while query["after"] is not None:
            answer = self._get("/v1/platforms" + _query(query))
            yield from answer["platforms"]
            query["after"] = answer.get("next")

    def platform(self, platform):
        return self._get("/v1/platforms/%d" % platform)

    def create_platform(self, cores, idempotency_key=None, **options):
        """options: memory, or localMemory and remoteMemory; pathUtil, policy, name, brick, mode, node,
        leaseTtlMs. Returns when the memory can be used."""
        body = _with_sizes(dict(options, cores=cores))
        return self._command("POST", "/v1/platforms", body, idempotency_key)

    def release_platform(self, platform, idempotency_key=None):
        return self._command("DELETE", "/v1/platforms/%d" % platform, None, idempotency_key)

    def add_memory(self, platform, size, idempotency_key=None, **options):
        """options: pathUtil, policy, migrateOK."""
        body = _with_sizes(dict(options, size=size))
        return self._command("POST", "/v1/platforms/%d/memory" % platform, body, idempotency_key)

    def free_memory(self, platform, size=None, attachment=None, idempotency_key=None):
        """At least so much, or that attachment, or all remote memory of the platform."""
        query = {}
        if size is not None:
            query["size"] = size_text(size)
        if attachment is not None:
            query["attachment"] = attachment
        path = "/v1/platforms/%d/memory%s" % (platform, _query(query))
        return self._command("DELETE", path, None, idempotency_key)

    def plan(self, **request):
        """What ``create_platform`` would do, or, with ``platform`` and ``size``, ``add_memory``."""
        return self._ask("/v1/plan", _with_sizes(request))

    def explain(self, **request):
        """The same; where it does not fit, why not and what would."""
        return self._ask("/v1/explain", _with_sizes(request))

    def totals(self):
        return self._get("/v1/totals")

    def keep_lease(self, lease):
        return self._ask("/v1/leases/%s/keepalive" % quote(lease, safe=""), None)

    # the rack

    def bricks(self):
        return self._get("/v1/bricks")["bricks"]

    def brick(self, brick):
        return self._get("/v1/bricks/" + quote(brick, safe=""))

    def drain(self, brick):
        """Nothing new goes to that brick; what it has stays."""
        return self._ask("/v1/bricks/%s/drain" % quote(brick, safe=""), None)

    def undrain(self, brick):
        return self._ask("/v1/bricks/%s/undrain" % quote(brick, safe=""), None)

    def fence(self, brick, confirmed=False):
        """confirmed: somebody has seen that the brick is off."""
        body = {"confirmed": True} if confirmed else {}
        return self._ask("/v1/bricks/%s/fence" % quote(brick, safe=""), body)

    def switches(self):
        return self._get("/v1/switches")["switches"]

    def switch(self, switch):
        return self._get("/v1/switches/" + quote(switch, safe=""))

    def topology(self, format="json"):
        """A dict, or a text in format ``gexf`` or ``dot``."""
        return self._get("/v1/topology" + _query({"format": format}))

    def trays(self):
        return self._get("/v1/trays")["trays"]

    def drift(self):
        """What differs from what should be."""
        return self._get("/v1/drift")

    # the controller

    def events(self, after=None, follow=True):
        """Yields events as dicts, from the one after ``after`` (its ``event``) or the oldest kept.

        Ends with the last one that is there unless ``follow``; else with ``Unreachable`` when the
        controller goes, or after a silence longer than the timeout. Whoever comes back gives the
        ``event`` of the last one. An event of kind ``gap`` says that some are missing.
        """
        query = {"follow": "true" if follow else "false"}
        if after is not None:
            query["after"] = after
        for line in self._transport.stream("/v1/events" + _query(query)):
            if line.startswith("data: "):
                yield json.loads(line[len("data: ") :])

    def backup(self, path):
        """Copies the store to a file of the controller's machine."""
        return self._ask("/v1/backup", {"path": path})

    def health(self):
        return self._get("/healthz")

    def metrics(self):
        """A text in Prometheus's format."""
        return self._get("/metrics")

    def openapi(self):
        return self._get("/openapi.json")

    def _get(self, path):
        return checked(self._transport.request("GET", path))

    def _ask(self, path, body):
        return checked(self._transport.request("POST", path, body))

    def _command(self, method, path, body, key):
        headers = {"idempotency-key": key or str(uuid.uuid4())}
        return checked(self._transport.request(method, path, body, headers))


def _with_sizes(body):
    given = {key: value for key, value in body.items() if value is not None}
    for key in _SIZES:
        if key in given:
            given[key] = size_text(given[key])
    return given


def _query(values):
    return "?" + urlencode(values) if values else ""
