"""How a secret is rotated, as ``x-strongroom.secrets.NAME.rotate`` in a Compose file says it.

``every`` (such as ``30d``), ``generate`` (a length, a kind of key, or a mapping with ``length``, ``alphabet``,
``pattern`` or ``kind``), ``with`` (the URI of a rotator), ``keep`` (how many versions stay) and ``strategy``
(``single``, or ``alternating`` where two accounts take turns; the URI says which, so that this is checked against it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from .errors import DeclarationError
from .generate import ALPHABETS
from .model import Secret

_KEEP = 2  # the current version, and the one before it
_LENGTH = 32
_DURATION = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WORDS = ("every", "generate", "with", "keep", "strategy")
KINDS = ("rsa", "ed25519", "certificate")


class Generate(NamedTuple):
    """What a new value is: a password, one after a pattern (a regular expression), or a key of a kind."""

    length: int = _LENGTH
    alphabet: str = "alphanumeric"
    pattern: str = ""
    kind: str = ""


class Policy(NamedTuple):
    """How a secret is rotated. ``rotator`` is the URI of what changes it in the system behind it."""

    every: timedelta | None = None
    generate: Generate = Generate()
    rotator: str = "none"
    keep: int = _KEEP

    def due(self, secret: Secret) -> datetime | None:
        """Return when a secret's current version is to be replaced; None if never."""
        return secret.current_since + self.every if self.every else None


def parse(content: object, where: str) -> Policy:
    """Read a policy.

    Raises:
        DeclarationError: it is not understood.
    """
    if not isinstance(content, Mapping):
        raise DeclarationError(f"{where} is not a mapping.")
    if unknown := content.keys() - set(_WORDS):
        raise DeclarationError(f"{where}.{min(map(str, unknown))} is not known: {', '.join(_WORDS)} are.")
    keep = content.get("keep", _KEEP)
    if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
        raise DeclarationError(f"{where}.keep is how many versions stay: give a number from 1.")
    every = duration(str(content["every"]), f"{where}.every") if "every" in content else None
    rotator = str(content.get("with") or "none")
    if "strategy" in content:
        _check_strategy(str(content["strategy"]), rotator, where)
    return Policy(every, _generate(content.get("generate"), where), rotator, keep)


def duration(text: str, where: str) -> timedelta:
    """Read a duration such as ``30d``, ``12h``, ``90m`` or ``2w``.

    Raises:
        DeclarationError: it is none.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise DeclarationError(f"{where} is '{text}': give a time such as 30d, 12h, 90m or 2w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def generating(text: str, where: str) -> Generate:
    """Read a length, or a kind of key.

    Raises:
        DeclarationError: it is neither.
    """
    if text in KINDS:
        return Generate(kind=text)
    if not text.isdecimal() or int(text) < 1:
        raise DeclarationError(f"{where} is '{text}': give a length, or one of {', '.join(KINDS)}.")
    return Generate(length=int(text))


def _check_strategy(strategy: str, rotator: str, where: str) -> None:
    where = f"{where}.strategy"
    if strategy not in ("single", "alternating"):
        raise DeclarationError(f"{where} is '{strategy}': give single, or alternating where two accounts take turns.")
    accounts = [text for key, text in parse_qsl(urlsplit(rotator).query) if key in ("roles", "users")]
    take_turns = any("," in each for each in accounts)
    if strategy == "alternating" and not take_turns:
        raise DeclarationError(
            f"{where} is alternating, but 'with' names no two accounts: give it roles=A,B (users=A,B for MariaDB)."
        )
    if strategy == "single" and take_turns:
        raise DeclarationError(f"{where} is single, but 'with' names two accounts: name one, or let it be alternating.")


def _generate(content: object, where: str) -> Generate:
    where = f"{where}.generate"
    if content is None:
        return Generate()
    if not isinstance(content, Mapping):
        return generating(str(content), where)
    if unknown := content.keys() - set(Generate._fields):
        raise DeclarationError(f"{where}.{min(map(str, unknown))} is not known: {', '.join(Generate._fields)} are.")
    made = generating(str(content.get("kind") or content.get("length", _LENGTH)), where)
    alphabet = str(content.get("alphabet", made.alphabet))
    if alphabet not in ALPHABETS:
        raise DeclarationError(f"{where}.alphabet is '{alphabet}': there are {', '.join(ALPHABETS)}.")
    return made._replace(alphabet=alphabet, pattern=str(content.get("pattern", "")))
