"""A small TCP proxy that spoils what it carries, for servers that cannot be slow or cut short themselves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from servers import LOCAL

Spoiler = Callable[[bytes, socket.socket], bytes | None]


@dataclass
class Proxy:
    """Hands requests on to a port. ``faults`` are used up, one an answer; then it is a plain proxy."""

    target: int
    faults: list[Spoiler] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server((LOCAL, 0))
        self.port = int(self._listener.getsockname()[1])
        self._open = True
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        return f"http://{LOCAL}:{self.port}"

    def stop(self) -> None:
        self._open = False
        with suppress(OSError):
            socket.create_connection((LOCAL, self.port), 1).close()
        self._listener.close()
        for thread in list(self._threads):
            thread.join()

    def _accept(self) -> None:
        while self._open:
            client, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        """Carry one request and its answer, and close: each request comes through here."""
        client.settimeout(30)
        with client, suppress(OSError):
            request = _receive(client)
            if not request:
                return
            self.requests += 1
            fault = self.faults.pop(0) if self.faults else None
            head, _, body = request.partition(b"\r\n\r\n")
            with socket.create_connection((LOCAL, self.target), 30) as server:
                server.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
                answer = _until_end(server)
            spoiled = fault(answer, client) if fault else answer
            if spoiled is not None:
                client.sendall(spoiled)


def half(answer: bytes, _: socket.socket) -> bytes:
    """Cut an answer short, in the middle of its content."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    return head + separator + body[: len(body) // 2]


def nothing(_: bytes, __: socket.socket) -> bytes:
    """Close without an answer."""
    return b""


def slow(seconds: float) -> Spoiler:
    """Answer late."""

    def wait(answer: bytes, _: socket.socket) -> bytes:
        time.sleep(seconds)
        return answer

    return wait


def dripping(answer: bytes, client: socket.socket) -> None:
    """Answer byte by byte, for ever so long."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    client.sendall(head + separator)
    for index in range(len(body)):
        client.sendall(body[index : index + 1])
        time.sleep(0.2)


def status(code: int, reason: str, headers: str = "", body: bytes = b'{"errors":[]}') -> Spoiler:
    """Answer with a status of another kind."""

    def answer(_: bytes, __: socket.socket) -> bytes:
        head = f"HTTP/1.1 {code} {reason}\r\n{headers}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    return answer


@contextmanager
def proxy(target: int, *faults: Spoiler) -> Iterator[Proxy]:
    """Run a proxy."""
    found = Proxy(target, list(faults))
    try:
        yield found
    finally:
        found.stop()


def _receive(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        chunk = client.recv(65536)
        body += chunk
        data += chunk
    return data


def _until_end(server: socket.socket) -> bytes:
    data = b""
    while chunk := server.recv(65536):
        data += chunk
    return data
