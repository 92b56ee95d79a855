"""Handing entries on as they come: to standard output, to syslog, or to the journal."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import DeliveryError
from ..stores.embedded.audit import Action, Entry
from .entries import row

SYSLOG, JOURNAL = Path("/dev/log"), Path("/run/systemd/journal/socket")
_IDENTIFIER = "strongroom"
# syslog(3): the facility for messages about authorization that not everybody may read, and two severities.
_AUTHPRIV, _WARNING, _INFO = 10, 4, 6
_PAUSE_SECONDS = 0.5


def follow(read: Callable[[int], Sequence[Entry]], after: int) -> Iterator[Entry]:
    """Yield the entries after the one with the number ``after``, and then each as it comes, for ever."""
    while True:
        for entry in read(after):
            after = entry.seq
            yield entry
        time.sleep(_PAUSE_SECONDS)


def line(entry: Entry) -> str:
    """Return an entry as a line of JSON."""
    return json.dumps(row(entry), ensure_ascii=False)


def to_syslog(entry: Entry) -> None:
    """Send an entry to syslog, as a line of JSON.

    Raises:
        DeliveryError: nobody takes it.
    """
    _send(SYSLOG, f"<{_AUTHPRIV * 8 + _severity(entry)}>{_IDENTIFIER}: {line(entry)}".encode(), entry)


def to_journal(entry: Entry) -> None:
    """Send an entry to systemd's journal, in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

    The message is a line of JSON; what one looks for stands in fields of its own, such as STRONGROOM_SECRET.

    Raises:
        DeliveryError: nobody takes it.
    """
    fields = {"MESSAGE": line(entry), "PRIORITY": _severity(entry), "SYSLOG_IDENTIFIER": _IDENTIFIER,
              "SYSLOG_FACILITY": _AUTHPRIV}  # fmt: skip
    for name, value in row(entry).items():
        if value is not None and name != "Detail":
            fields[f"STRONGROOM_{name.upper()}"] = str(value)
    _send(JOURNAL, b"".join(_field(name, str(value).encode()) for name, value in fields.items()), entry)


def _severity(entry: Entry) -> int:
    return _WARNING if entry.action in (Action.DENY, Action.FAIL) else _INFO


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return name.encode() + b"=" + value + b"\n"


def _send(path: Path, data: bytes, entry: Entry) -> None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(path))
            sender.send(data)
    except OSError as error:
        raise DeliveryError(
            f"{path} takes no messages: {error.strerror or error}. Once it does, go on with: --after {entry.seq - 1}"
        ) from None
