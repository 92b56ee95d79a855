"""A pytest plugin: no secret value shows in anything that the test run printed, logged, raised, or gave to a process.

It knows every ``Value`` that this process made, and whatever a test registered with ``watch_for``. It records what
tests print and log, how they fail, the text of every error of ours, and the arguments and environment of every process
started below this one. At the end it looks for the former in the latter, and fails the run where it finds one.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from strongroom.errors import StrongroomError
from strongroom.model import Value

_INTERVAL_SECONDS = 0.005
_values: set[bytes] = set()
_records: dict[bytes, str] = {}


def watch_for(value: bytes) -> bytes:
    """Look for a value at the end of the run, and return it. Short or monotonous ones occur by chance: left out."""
    if len(value) >= 12 and len(set(value)) >= 8:
        _values.add(value)
    return value


def fresh(prefix: str = "") -> str:
    """Return a value that nothing else has, and look for it at the end of the run."""
    return watch_for(f"{prefix}{secrets.token_hex(12)}".encode()).decode()


def record(text: str | bytes, where: str) -> None:
    """Remember what was shown."""
    data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    if data.strip():
        _records.setdefault(data, where)


def found() -> list[str]:
    """Return where values were shown; never which."""
    needles = {form for value in _values for form in (value.strip(), base64.b64encode(value).rstrip(b"=")[:-1])}
    everything = b"\0".join(_records)
    present = [needle for needle in needles if needle in everything]
    return sorted({where for data, where in _records.items() if any(needle in data for needle in present)})


def pytest_configure() -> None:
    _watch_own_types()
    watcher = threading.Thread(target=_sample_processes, name="leak watcher", daemon=True)
    watcher.start()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for title, text in report.sections:
        record(text, f"{report.nodeid}: {title}")
    record(report.longreprtext, f"{report.nodeid}: its failure")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if found() and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    places = found()
    searched = f"{len(_values)} values looked for in {sum(map(len, _records)):,} bytes that were shown"
    terminalreporter.write_line(f"leaks: {searched}: {'none found' if not places else 'FOUND'}", red=bool(places))
    for place in places:
        terminalreporter.write_line(f"  a secret's value shows in {place}", red=True)


def _watch_own_types() -> None:
    make_value, make_error = Value.__init__, StrongroomError.__init__

    def value_init(self: Value, data: bytes) -> None:
        make_value(self, data)
        if not os.environ.get("PYTEST_CURRENT_TEST", "").startswith("tests/property"):
            watch_for(bytes(data))

    def error_init(self: StrongroomError, *arguments: object) -> None:
        make_error(self, *arguments)
        record(" ".join(map(str, arguments)), f"a {type(self).__name__} in {os.environ.get('PYTEST_CURRENT_TEST')}")

    Value.__init__ = value_init  # type: ignore[method-assign]
    StrongroomError.__init__ = error_init  # type: ignore[assignment, method-assign]


def _sample_processes() -> None:
    pause = threading.Event()
    while not pause.wait(_INTERVAL_SECONDS):
        for pid in list(_descendants(os.getpid())):
            for kind in ("cmdline", "environ"):
                with suppress(OSError):
                    record(Path(f"/proc/{pid}/{kind}").read_bytes(), f"the {kind} of a process")


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes below one. Any of them may end while they are looked at."""
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (task / "children").read_text().split())
    for child in children:
        yield child
        yield from _descendants(child)
