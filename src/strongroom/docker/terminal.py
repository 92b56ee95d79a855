"""A terminal between Docker and the real one: Docker draws its progress as ever, and what it draws can be changed."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_CHUNK, _MOST = 65_536, 1 << 20  # bytes
_PAUSE_SECONDS = 0.05  # BuildKit draws every tenth of a second, and all of its rows at once


@contextmanager
def between() -> Iterator[tuple[int, int]]:
    """Give our end and Docker's of a terminal that is, and stays, as large as the one behind standard error."""
    ours, docker = pty.openpty()
    attributes = termios.tcgetattr(docker)
    attributes[1] &= ~termios.OPOST  # the real one turns line ends into what it takes
    termios.tcsetattr(docker, termios.TCSANOW, attributes)

    def resize(*_: object) -> None:
        termios.tcsetwinsize(ours, termios.tcgetwinsize(2))

    resize()
    former = signal.signal(signal.SIGWINCH, resize)
    try:
        yield ours, docker
    finally:
        signal.signal(signal.SIGWINCH, former)
        os.close(ours)


def show(ours: int, hide: Callable[[bytes], bytes]) -> None:
    """Show what Docker draws, each time it pauses, until it has closed its end."""
    waiting, ended = b"", False
    while not ended:
        if select.select([ours], [], [], _PAUSE_SECONDS if waiting else None)[0]:
            chunk = _read(ours)
            waiting, ended = waiting + chunk, not chunk
            if chunk and len(waiting) < _MOST:
                continue
        # What is too much to wait for is cut between lines.
        cut = len(waiting) if len(waiting) < _MOST else waiting.rfind(b"\n") + 1 or len(waiting)
        sys.stderr.buffer.write(hide(waiting[:cut]))
        sys.stderr.buffer.flush()
        waiting = waiting[cut:]


def _read(ours: int) -> bytes:
    try:
        return os.read(ours, _CHUNK)
    except OSError:  # EIO: nobody has the other end open
        return b""
