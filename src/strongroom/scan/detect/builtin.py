"""The rules that come with strongroom.

Reading three hundred of them from TOML takes longer than a command should need to start, so what was read is kept as
JSON, under the digest of the files that it came from. Who can keep nothing reads TOML each time.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from . import kept
from .rules import BUILT_IN, NONE, Rule, RuleSet, parse, read


@cache
def rules() -> RuleSet:
    """Return all of them."""
    listed = files()
    name = _name(listed)
    with suppress(ValueError, TypeError):
        return RuleSet(tuple(_rule(fields) for fields in json.loads(kept.load(name))))
    found = NONE
    for file in listed:
        found = read(parse(file), file.name, found)
    kept.keep(name, json.dumps(found.rules).encode())
    return found


def files() -> list[Path]:
    """Return the files of rules: what is generic comes last, as the more particular rule names a finding."""
    return sorted(BUILT_IN.glob("*.toml"), key=lambda file: (file.stem.startswith("generic"), file.stem))


def _name(listed: list[Path]) -> str:
    digest = hashlib.sha256(repr(Rule._fields).encode())
    for file in listed:
        digest.update(file.read_bytes())
    return f"rules-{digest.hexdigest()[:32]}.json"


def _rule(fields: list[Any]) -> Rule:
    """Return a rule from JSON, which has no tuples. The built-in rules have no allowlists."""
    rule = Rule(*fields)
    return rule._replace(keywords=tuple(rule.keywords), allowlists=())
