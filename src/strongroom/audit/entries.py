"""Entries of the audit chain as people and programs see them, and which of them are wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..errors import DeclarationError
from ..stores.embedded.audit import Entry
from ..stores.embedded.tables import to_text

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


class Wanted(NamedTuple):
    """Which entries are wanted: those that match one pattern of each kind, from ``since`` until before ``until``."""

    secrets: Sequence[str] = ()
    actors: Sequence[str] = ()
    actions: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __call__(self, entry: Entry) -> bool:
        """Tell whether an entry is wanted."""
        return (
            self.about(entry.secret or "")
            and _matches(entry.actor, self.actors)
            and _matches(entry.action, self.actions)
            and (self.since is None or to_text(self.since) <= entry.at)
            and (self.until is None or entry.at < to_text(self.until))
        )

    def about(self, secret: str) -> bool:
        """Tell whether a secret is wanted."""
        return _matches(secret, self.secrets)


def row(entry: Entry) -> dict[str, object]:
    """Return an entry as it is shown and exported.

    ``Code`` is its authentication code: kept elsewhere, it tells later whether the chain still has this entry.
    """
    return {
        "Seq": entry.seq,
        "At": entry.at,
        "Actor": entry.actor,
        "Host": entry.host,
        "Command": entry.command,
        "Action": entry.action.value,
        "Secret": entry.secret,
        "Version": entry.version,
        "To": entry.detail.get("to"),
        "Reason": entry.reason or None,
        "Detail": {key: value for key, value in entry.detail.items() if key not in ("to", "reason")},
        "Code": entry.mac.hex(),
    }


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(text, each) for each in patterns)


def moment(text: str, now: datetime) -> datetime:
    """Read a time as Docker's ``--since`` has it: ``10m``, ``1h30m``, ``2d``, RFC 3339, or seconds since 1970.

    A time without a zone is this machine's.

    Raises:
        DeclarationError: it is none of these.
    """
    match = _DURATION.fullmatch(text)
    try:
        if text and match:
            days, hours, minutes, seconds = (float(each or 0) for each in match.groups())
            return now - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise DeclarationError(
            f"'{text}' is not a time: give one such as 10m, 1h30m, 2d, 2026-01-31 or 2026-01-31T15:04:05Z."
        ) from None
