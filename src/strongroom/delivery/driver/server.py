"""The plugin protocol on a unix socket, with ``/health`` and ``/metrics``; those two also on a port of this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn, UnixStreamServer

from ...errors import DeliveryError, StrongroomError
from ...model import Value
from ...references import Reference
from ...stores import audited
from ...stores.audited import Event
from ...stores.base import Store
from ...stores.registry import References
from . import Options
from .answers import Answers, Log
from .fetches import Fetches
from .policy import Policy

_TYPE = "application/vnd.docker.plugins.v1.1+json"
_MOST_BYTES = 1 << 20
_IDLE_SECONDS = 300
_LOOK_SECONDS = 60.0


class _Threads(ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 512
    answers: Answers

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked has gone away."""


class _Socket(_Threads, UnixStreamServer):
    pass


class _Port(_Threads, TCPServer):
    allow_reuse_address = True


class _Watched(BaseHTTPRequestHandler):
    """Answers those who watch the driver."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: _Threads  # type: ignore[assignment]

    def do_GET(self) -> None:
        if self.path == "/health":
            healthy, text = self.server.answers.health()
            self._send(200 if healthy else 503, f"{text}\n", "text/plain")
        elif self.path == "/metrics":
            self._send(200, self.server.answers.metrics(), "text/plain; version=0.0.4")
        else:
            self._send(404, "there are /health and /metrics\n", "text/plain")

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: the answers log what is worth it."""

    def _send(self, status: int, text: str, kind: str = _TYPE) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Plugin(_Watched):
    """Answers the Engine as well (docker/go-plugins-helpers, sdk/handler.go)."""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = b""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._chunks()
        elif length.isdecimal() and int(length) <= _MOST_BYTES:
            body = self.rfile.read(int(length))
        if self.path == "/Plugin.Activate":
            self._send(200, json.dumps({"Implements": ["secretprovider"]}))
        elif self.path == "/SecretProvider.GetSecret":
            status, answer = self.server.answers.get_secret(body)
            self._send(status, json.dumps(answer))
        else:
            self._send(404, json.dumps({"Err": f"strongroom does not know {self.path}"}))

    def _chunks(self) -> bytes:
        body = b""
        while (size := int(self.rfile.readline(20).partition(b";")[0] or b"0", 16)) and len(body) <= _MOST_BYTES:
            body += self.rfile.read(size)
            self.rfile.readline(2)
        self.rfile.readline(2)
        return body


def run(options: Options, store: Store | None = None) -> None:
    """Serve until SIGTERM or SIGINT, and record each answer in the audit of ``store``.

    Raises:
        DeliveryError: a socket cannot be made, or another driver serves it.
        DeclarationError: the policy is wrong.
    """
    reader, log, one = References(options.deadline), Log(), threading.Lock()

    def read(reference: Reference) -> Value:
        (fetched,) = reader.read([reference])
        if fetched.lease:
            log(f"{reference} is leased for {fetched.lease.seconds:.0f} s, and nobody renews what Swarm has.")
        return fetched.value

    def record(event: Event) -> None:
        with one:
            audited.record(store, [event])

    answers = Answers(Fetches(read, options.deadline, options.concurrency), Policy(options.policy), log, record)
    log(f"the driver '{options.name}' serves {options.socket}")
    threading.Thread(target=_keep_logins, args=(reader,), name="logins", daemon=True).start()
    serve(answers, options.socket, options.port)
    reader.close()


def _keep_logins(reader: References) -> None:
    """Prolong the logins for as long as we serve: whatever they leased ends with them."""
    pause = _LOOK_SECONDS
    while True:
        time.sleep(pause)
        pause = _LOOK_SECONDS
        with suppress(StrongroomError):  # whoever asks for a secret next is told
            for login in reader.logins():
                pause = min(pause, reader.renew(login).seconds / 3)


def serve(answers: Answers, plugin: Path, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; on ``port`` of the loopback address, health and metrics alone.

    Raises:
        DeliveryError: a socket cannot be made, or another driver serves it.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        if port is not None:
            try:
                watched = _Port(("127.0.0.1", port), _Watched)
            except OSError as error:
                raise DeliveryError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}.") from None
            stack.enter_context(_serving(watched, answers))
        stack.enter_context(serving_on(plugin, answers))
        _say_ready()
        stop.wait()


@contextmanager
def serving_on(path: Path, answers: Answers) -> Iterator[None]:
    """Serve the plugin protocol on a socket of mode 0600 until the block ends.

    Raises:
        DeliveryError: it cannot be made, or another driver serves it.
    """
    with _serving(_bind(path), answers):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _serving(server: _Socket | _Port, answers: Answers) -> Iterator[None]:
    """Serve until the block ends."""
    server.answers = answers
    threading.Thread(target=server.serve_forever, name="serving", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _bind(path: Path) -> _Socket:
    former = os.umask(0o022)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        os.umask(0o177)
        return _Socket(str(path), _Plugin)
    except OSError as error:
        raise DeliveryError(f"the socket {path} cannot be made: {error.strerror or error}.") from None
    finally:
        os.umask(former)


def _remove_stale(path: Path) -> None:
    """Remove the socket of a driver that was killed.

    Raises:
        DeliveryError: one that runs listens there.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
        else:
            raise DeliveryError(f"another driver serves {path} already. Stop it, or name another --socket.")


def _say_ready() -> None:
    """Tell systemd that we serve, if it started us (sd_notify(3))."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, suppress(OSError):
            notify.sendto(b"READY=1", address.replace("@", "\0", 1) if address.startswith("@") else address)
