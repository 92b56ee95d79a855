"""The parent of an application, with real processes: signals, zombies, exit status, restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an entrypoint needs Linux")

PARENT = """
import resource, signal, sys
from pathlib import Path
from strongroom.delivery.supervisor import Program, Supervisor

class Keeper:
    def wait(self): return 0.02
    def work(self):
        if not Path("change").exists(): return False
        Path("change").unlink()
        return True
    def close(self): Path("closed").touch()

program = Program(sys.argv[3:], lambda: {"PATH": "/usr/bin:/bin"}, None, resource.getrlimit(resource.RLIMIT_CORE))
change = signal.Signals[sys.argv[1]] if sys.argv[1] else None
sys.exit(Supervisor(program, Keeper(), change, sys.argv[2] == "restart").run())
"""

CHILD = """
import os, signal, sys, time
def said(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == signal.SIGTERM: sys.exit(7)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGWINCH):
    signal.signal(number, said)
os.write(1, b"up\\n")
while True: signal.pause()
"""


class Running:
    """A parent with its child."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, *arguments], stdout=subprocess.PIPE, text=True, cwd=directory
        )

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def child(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def end(self) -> int:
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def start(directory: Path, change: str = "", restart: str = "") -> Running:
    running = Running(directory, change, restart, sys.executable, "-c", CHILD)
    assert running.line() == "up"
    return running


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGINT", "SIGWINCH"])
def test_signals_are_forwarded(directory: Path, name: str) -> None:
    running = start(directory)
    running.process.send_signal(signal.Signals[name])
    assert running.line() == name
    running.process.terminate()
    assert running.line() == "SIGTERM"
    assert running.end() == 7
    assert (directory / "closed").exists()


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 42", 42), ("kill -KILL $$", 137), ("kill $$", 143)]
)
def test_exit_status(directory: Path, script: str, status: int) -> None:
    assert Running(directory, "", "", "sh", "-c", script).end() == status
    assert (directory / "closed").exists()


def test_a_change_is_signalled(directory: Path) -> None:
    running = start(directory, "SIGHUP")
    (directory / "change").touch()
    assert running.line() == "SIGHUP"
    running.process.terminate()
    assert running.end() == 7


def test_a_change_restarts(directory: Path) -> None:
    running = start(directory, "", "restart")
    first = running.child()
    (directory / "change").touch()
    assert [running.line(), running.line()] == ["SIGTERM", "up"]
    assert running.child() != first
    running.process.terminate()
    assert running.line() == "SIGTERM"
    assert running.end() == 7


def test_its_own_end_is_no_restart(directory: Path) -> None:
    running = start(directory, "", "restart")
    os.kill(running.child(), signal.SIGKILL)
    assert running.end() == 137


def test_signals_of_the_child_are_its_own(directory: Path) -> None:
    running = Running(directory, "", "", "grep", "-E", "Sig(Ign|Blk)", "/proc/self/status")
    shown, _ = running.process.communicate()
    blocked, ignored = [int(line.split()[1], 16) for line in sorted(shown.splitlines())]
    assert blocked == 0
    assert not ignored & (1 << (signal.SIGPIPE - 1))


def test_the_child_has_a_group_of_its_own(directory: Path) -> None:
    running = start(directory)
    assert os.getpgid(running.child()) == running.child()
    running.process.terminate()
    running.end()


def test_a_terminal_reaches_the_child_once(directory: Path) -> None:
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execv(sys.executable, [sys.executable, "-c", PARENT, "", "", sys.executable, "-c", CHILD])
    shown = b""
    while b"up" not in shown:
        shown += os.read(terminal, 1024)
    time.sleep(0.2)
    os.write(terminal, b"\x03")
    while b"SIGINT" not in shown:
        shown += os.read(terminal, 1024)
    os.kill(pid, signal.SIGTERM)
    while b"SIGTERM" not in shown:
        shown += os.read(terminal, 1024)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert shown.count(b"SIGINT") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a process the first of its namespace")
def test_orphans_are_reaped(directory: Path) -> None:
    """The first process of a container inherits orphans, which stay as zombies unless it reaps them."""
    script = "for i in 1 2 3; do (sleep 0.1 & ) ; done; sleep 0.6; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l"
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", PARENT, "", "", "sh", "-c", script],
        capture_output=True, text=True, cwd=directory,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("0", 0)
