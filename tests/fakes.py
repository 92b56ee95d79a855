"""What the fakes of the clouds share: a small HTTP server in this process, that can be told to fail."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from proxy import Spoiler
from servers import LOCAL


class Request(NamedTuple):
    """What a client asks for. ``path`` has no percent signs any more."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Answer(NamedTuple):
    """What it gets."""

    status: int
    content: object = None
    headers: Mapping[str, str] = {}


class Failed(Exception):
    """A request that ends in another answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Fake:
    """A server on this machine. ``faults`` are used up, one a request; while it answers, nobody else is answered.

    Connections are kept alive, and one that is closed is said to be before: clients would else ask on it again.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.faults: list[Spoiler] = []
        self.requests = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((LOCAL, 0), self._handler())
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def answer(self, request: Request) -> Answer:
        """Return the answer; faults are for those that this returns."""
        raise NotImplementedError

    def aside(self, request: Request) -> Answer | None:
        """Return the answer of what never fails, such as a login; None for all else."""
        return None

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _respond(self, request: Request, connection: socket.socket) -> bytes:
        """Return the bytes of an answer; none closes the connection."""
        if aside := self.aside(request):
            return _rendered(aside)
        with self._lock:
            self.requests += 1
            fault = self.faults.pop(0) if self.faults else None
            try:
                found = self.answer(request)
            except Failed as failed:
                found = failed.answer
        if fault is None:
            return _rendered(found)
        return fault(_rendered(found._replace(headers={**found.headers, "Connection": "close"})), connection) or b""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                data = self.rfile.read(length)
                parts = urlsplit(self.path)
                request = Request(
                    self.command, unquote(parts.path), dict(parse_qsl(parts.query)), dict(self.headers),
                    json.loads(data) if data[:1] == b"{" else data,
                )  # fmt: skip
                answer = fake._respond(request, self.connection)
                self.wfile.write(answer)
                head = answer.partition(b"\r\n\r\n")[0].lower()
                self.close_connection = not answer or b"connection: close" in head

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - as http.server calls them

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        return Handler


def _rendered(answer: Answer) -> bytes:
    data = b"" if answer.content is None else json.dumps(answer.content).encode()
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Length: {len(data)}"]
    lines += ["Content-Type: application/json", *(f"{name}: {text}" for name, text in answer.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + data


def now() -> datetime:
    return datetime.now(UTC)
