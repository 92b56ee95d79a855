"""Requests to a Vault: one at a time on a connection, with a time limit, and each failure in one sentence."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from ...errors import AccessDenied, StoreRefused, StoreUnavailable
from ..retry import Deadline, asked_to_wait, patiently
from .settings import Settings

Json = dict[str, Any]
_CHUNK = 65_536  # bytes
_REDIRECTS = (301, 302, 307, 308)


class Client:
    """Speaks HTTP with one Vault. Many threads may use it at once."""

    def __init__(self, settings: Settings, limit: float) -> None:
        """Give each request so many seconds, with all its repetitions."""
        self.limit = limit
        self.token = ""
        self._settings = settings
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None,
        repeatable: bool = True,
    ) -> Json | None:  # fmt: skip
        """Return the answer's JSON, and None when there is nothing at ``path``.

        A ``token`` other than the client's may be given. What is not ``repeatable`` is not done twice.

        Raises:
            StoreUnavailable: Vault did not answer as it should within the time limit.
            AccessDenied: permission denied.
            StoreRefused: any other refusal.
        """
        deadline = Deadline(self.limit)
        return patiently(
            lambda: self._once(method, path, body, self.token if token is None else token, deadline, repeatable),
            deadline,
            repeatable=repeatable,
        )

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def _once(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str, deadline: Deadline, reuse: bool
    ) -> Json | None:
        headers = {"X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if self._settings.namespace:
            headers["X-Vault-Namespace"] = self._settings.namespace
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._settings.address}/v1/{quote(path, safe='/?=&')}"
        status, answer, after = self._exchange(method, url, data, headers, deadline, reuse)
        if status == 200 and method in ("GET", "LIST") and not answer:
            raise StoreUnavailable(f"the answer of {self._settings.address} for {path} was cut short.")
        return self._understand(status, answer, after, path)

    def _exchange(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str], deadline: Deadline, reuse: bool,
        redirected: bool = False,
    ) -> tuple[int, bytes, float]:  # fmt: skip
        # One try shall not take all the time: an answer that never comes may come the next time.
        patience = max(0.05, min(deadline.left(), max(1.0, self.limit / 3)))
        until = Deadline(patience)
        with self._lock:
            used = self._idle.pop() if self._idle and reuse else None
        connection = used or self._connect(url, patience)
        response, sent = None, False
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(patience)
            sent = True
            parts = urlsplit(url)
            connection.request(method, parts.path + (parts.query and f"?{parts.query}"), data, dict(headers))
            response = connection.getresponse()
            content = _read_all(response, connection, until)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if response is not None:  # it holds the socket open
                response.close()
            elif used and isinstance(error, ConnectionError):  # closed while it was idle, which is nobody's fault
                return self._exchange(method, url, data, headers, deadline, False)
            raise self._failure(error, sent, patience) from None
        location = response.getheader("Location")
        if response.will_close or redirected or location:
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        if response.status in _REDIRECTS and location:  # a standby points to the active server
            if redirected or urlsplit(location).scheme != urlsplit(url).scheme:
                raise StoreRefused(f"{self._settings.address} redirects to {location}, where the token was not sent.")
            return self._exchange(method, location, data, headers, deadline, False, redirected=True)
        return response.status, content, asked_to_wait(response.getheader("Retry-After"))

    def _connect(self, url: str, timeout: float) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        proxy = urlsplit(self._settings.proxy)
        target = (proxy.hostname or "", proxy.port or 80) if self._settings.proxy else (host, port)
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = _Tls(*target, self._context, self._settings.server_name or host, timeout)
        else:
            connection = http.client.HTTPConnection(*target, timeout=timeout)
        if self._settings.proxy:
            connection.set_tunnel(host, port)
        return connection

    @cached_property
    def _context(self) -> ssl.SSLContext:
        settings = self._settings
        try:
            context = ssl.create_default_context(
                cafile=settings.ca_file or None,
                capath=settings.ca_directory or None,
                cadata=settings.ca_text or None,
            )
            if settings.client_certificate:
                context.load_cert_chain(settings.client_certificate, settings.client_key or None)
        except (OSError, ssl.SSLError):
            raise StoreRefused(
                "the certificates that VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT and VAULT_CLIENT_KEY name cannot "
                "be read."
            ) from None
        if settings.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _failure(self, error: Exception, sent: bool, seconds: float) -> StoreUnavailable | StoreRefused:
        where = self._settings.address
        if isinstance(error, ssl.SSLCertVerificationError):
            return StoreRefused(
                f"the certificate of {where} is not trusted: {error.verify_message}. Name its CA in VAULT_CACERT."
            )
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return StoreRefused(f"{where} does not speak TLS as it should ({error.reason}). Look at VAULT_ADDR.")
        if isinstance(error, socket.gaierror):
            return StoreUnavailable(f"the host of {where} is not known. Look at VAULT_ADDR, and at the network.")
        if isinstance(error, TimeoutError):
            return StoreUnavailable(f"{where} did not answer within {seconds:.1f} seconds.", sent=sent)
        if isinstance(error, OSError) and not sent:
            return StoreUnavailable(f"{where} cannot be reached: {error.strerror or 'no connection'}.")
        return StoreUnavailable(f"the answer of {where} was cut short.", sent=True)

    def _understand(self, status: int, content: bytes, after: float, path: str) -> Json | None:
        where = self._settings.address
        path = path.partition("?")[0]
        try:
            answer = json.loads(content) if content.strip() else {}
        except ValueError:
            answer = None
        if status in (200, 204):
            if not isinstance(answer, dict):
                raise StoreUnavailable(f"the answer of {where} for {path} was cut short, or is not Vault's.", sent=True)
            return answer
        said = _said(answer)
        if status == 404:
            return answer if isinstance(answer, dict) and answer.get("data") else None
        if status in (401, 403):
            raise AccessDenied(f"Vault at {where} denies access to {path}.")
        if status == 429:
            raise StoreUnavailable(f"Vault at {where} gets too many requests (429).", after=after)
        if status == 503:
            raise StoreUnavailable(f"Vault at {where} is sealed or not ready (503).", after=after)
        if status == 412 or status >= 470:
            raise StoreUnavailable(f"Vault at {where} failed with status {status}{said}.", sent=status == 500)
        raise StoreRefused(f"Vault at {where} refuses {path} with status {status}{said}.")


class _Tls(http.client.HTTPSConnection):
    """A connection whose certificate may be checked for another name than the host's."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, name: str, timeout: float) -> None:
        super().__init__(host, port, context=context, timeout=timeout)
        self._tls, self._name = context, name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def _read_all(response: http.client.HTTPResponse, connection: http.client.HTTPConnection, until: Deadline) -> bytes:
    """Read an answer's content in time, however slowly it drips. Python's own length is wrong after ``read1``."""
    content = bytearray()
    length = response.length
    while length is None or len(content) < length:
        if not until.left():
            raise TimeoutError
        if connection.sock is not None:  # it is gone when the answer is the connection's last
            connection.sock.settimeout(until.left())
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        content += chunk
    if length is not None and len(content) < length:
        raise http.client.IncompleteRead(b"", length - len(content))
    response.close()
    return bytes(content)


def _said(answer: object) -> str:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    text = " ".join(str(errors[0]).split())[:200].rstrip(".") if isinstance(errors, list) and errors else ""
    return f": {text}" if text else ""
