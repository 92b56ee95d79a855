"""What the tags of a secret's versions say: Azure itself has neither numbers nor stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ...model import Stage
from ..stages import Kept

NAME, NUMBER, STAGES = "strongroom-name", "strongroom-version", "strongroom-stages"
OURS = (NAME, NUMBER, STAGES)


class Found(NamedTuple):
    """The versions of a secret by our numbers, and its stages."""

    versions: Mapping[int, Any]
    stages: Mapping[Stage, int]

    @property
    def newest(self) -> int:
        """The number of the newest version."""
        return max(self.versions, default=0)

    @property
    def labels(self) -> dict[str, str]:
        """The tags of the newest version that are labels."""
        tags = self.versions[self.newest].tags or {} if self.versions else {}
        return {key: text for key, text in tags.items() if key not in OURS}


def numbered(versions: Sequence[Any]) -> Found:
    """Give versions their numbers: those that their tags say, and to others, by their times, those that are free."""
    ordered = sorted(versions, key=lambda each: (created(each), _number(each) or len(versions) + 1))
    found: dict[int, Any] = {}
    others = []
    for each in ordered:
        number = _number(each)
        if number and number not in found:
            found[number] = each
        else:
            others.append(each)
    free = (number for number in range(1, len(versions) + max(found, default=0) + 1) if number not in found)
    found |= dict(zip(free, others, strict=False))
    newest = max(found, default=0)
    saying = [number for number in sorted(found) if (found[number].tags or {}).get(STAGES)]
    kept = Kept.parse(found[saying[-1]].tags[STAGES]) if saying else Kept({}, 0)
    return Found(found, kept.readable(newest, found))


def current_of(newest: Any) -> int | None:  # noqa: ANN401
    """Return the number of the newest version if it is current: 0 where it has none; None if another is."""
    number = _number(newest)
    if not number or Kept.parse((newest.tags or {}).get(STAGES, "")).number(Stage.CURRENT, number) == number:
        return number
    return None


def created(version: Any) -> datetime:  # noqa: ANN401
    """Return when a version was made; Azure counts seconds."""
    time = version.created_on
    return time.astimezone(UTC) if time else datetime.fromtimestamp(0, UTC)


def _number(version: Any) -> int:  # noqa: ANN401
    text = (version.tags or {}).get(NUMBER, "")
    return int(text) if text.isdecimal() else 0
