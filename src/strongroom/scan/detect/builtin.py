"""The rules that come with strongroom.

Reading three hundred of them from TOML takes longer than a command should need to start, so what was read is kept as
JSON in the user's cache, under the digest of the files that it came from. Who cannot write there reads TOML each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from .rules import BUILT_IN, NONE, Rule, RuleSet, parse, read


@cache
def rules() -> RuleSet:
    """Return all of them."""
    listed = files()
    kept = _place(listed)
    with suppress(OSError, ValueError, TypeError):
        return RuleSet(tuple(_rule(fields) for fields in json.loads(kept.read_bytes())))
    found = NONE
    for file in listed:
        found = read(parse(file), file.name, found)
    with suppress(OSError):
        _keep(kept, json.dumps(found.rules))
    return found


def files() -> list[Path]:
    """Return the files of rules: what is generic comes last, as the more particular rule names a finding."""
    return sorted(BUILT_IN.glob("*.toml"), key=lambda file: (file.stem.startswith("generic"), file.stem))


def _place(listed: list[Path]) -> Path:
    digest = hashlib.sha256(repr(Rule._fields).encode())
    for file in listed:
        digest.update(file.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "strongroom" / f"rules-{digest.hexdigest()[:32]}.json"


def _keep(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(place)


def _rule(fields: list[Any]) -> Rule:
    """Return a rule from JSON, which has no tuples. The built-in rules have no allowlists."""
    rule = Rule(*fields)
    return rule._replace(keywords=tuple(rule.keywords), allowlists=())
