"""The parent of an application, and the first process of its container: it forwards signals, reaps, and restarts.

Besides, a thread keeps something fresh while the application runs (a ``Keeper``); the application hears of a change by
a signal, or is started anew.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from .users import User

# Those that are a process's own fault or its terminal's, and those that nobody can catch: as tini leaves them alone.
_OWN = {
    signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS,
    signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE,
}  # fmt: skip
_STOP_SECONDS = 10  # what docker stop gives, before it kills
_END_SECONDS = 5


class Keeper(Protocol):
    """What has to be kept fresh."""

    def wait(self) -> float:
        """Return in how many seconds there is something to do."""
        ...

    def work(self) -> bool:
        """Do what is due, and tell whether the application has to hear of it. It raises nothing."""
        ...

    def close(self) -> None:
        """Give back what was borrowed. It raises nothing."""
        ...


class Program(NamedTuple):
    """What to start. ``environment`` is asked each time."""

    command: Sequence[str]
    environment: Callable[[], Mapping[str, str]]
    user: User | None
    core_limit: tuple[int, int]

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, in a process group of its own so that a terminal's signals reach it once.

        Raises:
            OSError: it cannot be started.
        """
        user = self.user
        options = {"user": user.uid, "group": user.gid, "extra_groups": user.groups} if user else {}
        ours = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, self.core_limit)
        try:
            child = subprocess.Popen(
                self.command,
                env=dict(self.environment()),
                process_group=0,
                **options,  # type: ignore[call-overload]
            )
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, ours)
        _give_terminal(child.pid)
        assert isinstance(child, subprocess.Popen)  # noqa: S101 - for the type checker
        return child


class Supervisor:
    """Runs one program to its end. Make it in the main thread: signals are a process's."""

    def __init__(self, program: Program, keeper: Keeper, change: signal.Signals | None, restart: bool) -> None:
        """Send ``change`` when the keeper changed something, or start the program anew, or do neither."""
        self._program, self._keeper, self._change, self._restart = program, keeper, change, restart
        self._child: subprocess.Popen[bytes]
        self._restarting = self._ending = False
        self._ended = threading.Event()
        # Held while the keeper works: it may start programs of its own, whose ends are not ours to reap.
        self._working = threading.Lock()
        self._child_lock = threading.Lock()

    def run(self) -> int:
        """Start the program, and return the exit status of its end; 128 and the number where a signal ended it.

        Raises:
            OSError: the program cannot be started.
        """
        wakeup = _catch_signals()
        self._child = self._program.start()
        thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        thread.start()
        try:
            status = self._wait(wakeup)
        finally:
            self._ended.set()
            thread.join(_END_SECONDS)
        if not thread.is_alive():  # a fetch that hangs is left alone: what it borrows ends by itself
            closing = threading.Thread(target=self._keeper.close, name="closing", daemon=True)
            closing.start()
            closing.join(_END_SECONDS)
        return status

    def _wait(self, wakeup: int) -> int:
        while True:
            for number in os.read(wakeup, 1024):
                if number != signal.SIGCHLD:
                    self._ending |= number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
                    self._send(number)
            status = self._reap()
            if status is None:
                continue
            if not self._restarting or self._ending:
                return status
            with self._child_lock:
                self._restarting = False
                self._child = self._program.start()

    def _reap(self) -> int | None:
        """Reap what has ended, and return the program's own status if it is among it."""
        with self._child_lock:  # so that nobody signals a number that is free again
            pid, status = os.waitpid(self._child.pid, os.WNOHANG)
            if pid:
                self._child.returncode = os.waitstatus_to_exitcode(status)
        if pid:
            code = self._child.returncode
            return code if code >= 0 else 128 - code
        if self._working.acquire(blocking=False):
            try:
                _reap_orphans(self._child.pid)
            finally:
                self._working.release()
        return None

    def _send(self, number: int, child: subprocess.Popen[bytes] | None = None) -> None:
        """Signal the program, if it is still ``child``."""
        with self._child_lock, suppress(ProcessLookupError):
            if self._child.returncode is None and child in (None, self._child):
                os.kill(self._child.pid, number)

    def _keep(self) -> None:
        while not self._ended.wait(self._keeper.wait()):
            with self._working:
                changed = self._keeper.work()
            os.kill(os.getpid(), signal.SIGCHLD)  # for what ended meanwhile
            if changed and not self._ended.is_set():
                self._tell()

    def _tell(self) -> None:
        if self._change is not None:
            self._send(self._change)
        if not self._restart:
            return
        with self._child_lock:
            child, self._restarting = self._child, True
        self._send(signal.SIGTERM, child)
        if not _until(lambda: self._child is not child, self._ended, _STOP_SECONDS):
            self._send(signal.SIGKILL, child)


def _until(condition: Callable[[], bool], ended: threading.Event, seconds: float) -> bool:
    for _ in range(int(seconds * 20)):
        if condition() or ended.wait(0.05):
            return True
    return condition()


def _catch_signals() -> int:
    """Let every signal that is forwarded, and the end of a child, be a byte to read; return where from."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in {*signal.valid_signals()} - _OWN:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
            signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def _reap_orphans(child: int) -> None:
    """Reap every process that has ended but ``child``: as the first process of a container we inherit orphans."""
    with suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == child:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def _give_terminal(group: int) -> None:
    """Make a process group the foreground one of our terminal, if there is one."""
    if not sys.stdin or not os.isatty(0):
        return
    former = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with suppress(OSError):
            os.tcsetpgrp(0, group)
            os.killpg(group, signal.SIGCONT)  # it may have been stopped for reading too early
    finally:
        signal.signal(signal.SIGTTOU, former)
