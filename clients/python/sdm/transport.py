# SPDX-License-Identifier: Apache-2.0
"""HTTP over a Unix socket, over TCP on this machine, or over TLS."""

import http.client
import json
import os
import re
import socket
import ssl
import threading
from urllib.parse import urlsplit

from .errors import SdmError, Unreachable

DEFAULT_ADDRESS = "unix:/run/sdm-controller/controller.sock"
#: seconds; making a platform waits for its bricks
DEFAULT_TIMEOUT = 300.0
_SPIFFE = re.compile(r"spiffe://[^/]+/([^/]+)/(.+)\Z")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: what a connection says that the other side has closed
_BROKEN = (http.client.HTTPException, OSError)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("controller", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            self.sock = None
            raise


class _TlsConnection(http.client.HTTPSConnection):
    """Looks at what the certificate says of its holder: racks have roles and names, not host names."""

    def __init__(self, host, port, timeout, context, pki):
        super().__init__(host, port, timeout=timeout, context=context)
        self._revoked = os.path.join(pki, "revoked.json")

    def request(self, *args, **kwargs):
        if self.sock is not None:
            self._check_revoked()
        super().request(*args, **kwargs)

    def connect(self):
        super().connect()
        self._check_revoked()
        holders = [
            _SPIFFE.match(value)
            for kind, value in self.sock.getpeercert().get("subjectAltName", ())
            if kind == "URI"
        ]
        if not any(holder and holder.group(1) == "controller" for holder in holders):
            self.close()
            raise ssl.SSLError("who answers is not a controller by its certificate")

    def _check_revoked(self):
        """Who only has ``ca.pem`` may be without the list."""
        try:
            with open(self._revoked, encoding="utf-8") as file:
                revoked = [entry["serial"] for entry in json.load(file)["revoked"]]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.close()
            raise ssl.SSLError("%s cannot be read: %s" % (self._revoked, error)) from error
        if self.sock.getpeercert().get("serialNumber") in revoked:
            self.close()
            raise ssl.SSLError("the certificate of who answers was revoked")


class Transport:
    """Connections to one controller, one per thread, kept from request to request."""

    def __init__(self, address=None, token=None, pki=None, timeout=DEFAULT_TIMEOUT):
        """
        address: ``unix:/path``, ``http://127.0.0.1:port`` or ``https://host:port``; default
            ``$SDM_CONTROLLER``, else the socket at its usual place.
        token: a bearer token; default: what the file of ``$SDM_TOKEN_FILE`` holds.
        pki: for https, a directory with ``ca.pem`` and, unless there is a token, ``cert.pem`` and
            ``key.pem``; default ``$SDM_PKI``.
        timeout: for a connection to be silent, seconds.
        """
        self.address = address or os.environ.get("SDM_CONTROLLER") or DEFAULT_ADDRESS
        self._timeout = timeout
        self._pki = pki or os.environ.get("SDM_PKI")
        self._token = token or _token_from_file()
        self._local = threading.local()
        self._connect = self._connector()

    def request(self, method, path, body=None, headers=None):
        """``(status, body)``: the body parsed if it is JSON, else its text.

        On a connection that was kept a request may find that the other side has just closed it. It is
        sent once more then, so commands have to carry an idempotency key. Raises Unreachable.
        """
        kept = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, method, path, body, headers)
            except socket.timeout as error:
                self.close()
                raise Unreachable(self.address, error) from error
            except _BROKEN:
                self.close()
        connection = self._local.connection = self._connect(self._timeout)
        try:
            return self._exchange(connection, method, path, body, headers)
        except _BROKEN as error:
            self.close()
            raise Unreachable(self.address, error) from error

    def stream(self, path, headers=None):
        """The lines of an answer that goes on, over a connection of its own. Raises SdmError."""
        connection = self._connect(self._timeout)
        try:
            try:
                connection.request("GET", path, headers=self._headers(headers, False))
                answer = connection.getresponse()
                if answer.status != 200:
                    raise _error(answer.status, _parsed(answer, answer.read()))
                for line in answer:
                    yield line.decode("utf-8").rstrip("\r\n")
            except _BROKEN as error:
                raise Unreachable(self.address, error) from error
        finally:
            connection.close()

    def close(self):
        """Ends this thread's connection; the next request makes a new one."""
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _exchange(self, connection, method, path, body, headers):
        data = None if body is None else json.dumps(body).encode("utf-8")
        connection.request(method, path, data, self._headers(headers, body is not None))
        answer = connection.getresponse()
        return answer.status, _parsed(answer, answer.read())

    def _headers(self, headers, has_body):
        named = {"content-type": "application/json"} if has_body else {}
        if self._token:
            named["authorization"] = "Bearer " + self._token
        named.update(headers or {})
        return named

    def _connector(self):
        if self.address.startswith("unix:"):
            path = self.address[len("unix:") :]
            return lambda timeout: _UnixConnection(path, timeout)
        url = urlsplit(self.address)
        if url.scheme not in ("http", "https") or not url.hostname or url.port is None:
            raise ValueError(
                "expected unix:/path, http://127.0.0.1:port or https://host:port, found %r"
                % self.address
            )
        host, port = url.hostname, url.port
        if url.scheme == "https":
            context = _tls_context(self._pki)
            return lambda timeout: _TlsConnection(host, port, timeout, context, self._pki)
        if host not in _LOOPBACK:
            raise ValueError("%s leaves this machine in the clear: use https" % self.address)
        return lambda timeout: http.client.HTTPConnection(host, port, timeout=timeout)


def checked(answer):
    """The body of a success. Raises SdmError with the controller's own code."""
    status, body = answer
    if 200 <= status < 300:
        return body
    raise _error(status, body)


def _error(status, body):
    if isinstance(body, dict) and isinstance(body.get("code"), str):
        message = body.get("message") or body.get("ErrorMessage") or ""
        return SdmError(body["code"], message, body.get("details"), status)
    return SdmError("SDM_INTERNAL", "answered %d: %r" % (status, body), None, status)


def _parsed(answer, data):
    kind = (answer.getheader("content-type") or "").split(";")[0]
    text = data.decode("utf-8")
    return json.loads(text) if kind == "application/json" and text else text


def _tls_context(pki):
    if not pki:
        raise ValueError("https needs the certificates of the rack: give pki, or set SDM_PKI")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the role is looked at instead
    context.load_verify_locations(os.path.join(pki, "ca.pem"))
    certificate = os.path.join(pki, "cert.pem")
    if os.path.exists(certificate):
        context.load_cert_chain(certificate, os.path.join(pki, "key.pem"))
    return context


def _token_from_file():
    path = os.environ.get("SDM_TOKEN_FILE")
    if not path:
        return None
    with open(path, encoding="utf-8") as file:
        return file.read().strip()
