"""A ``.env`` file, read as Docker Compose reads it: which secrets it has, and the values they have there.

Source: https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .errors import DeclarationError
from .model import Name, Secret, Stage, Value, Version

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*")
# What ends a value that has no quotes: a comment after a space, or the line.
_PLAIN = re.compile(r"(.*?)(?:[ \t]+#[^\n]*|[ \t]*)(?=\n|$)")
_QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL), "'": re.compile(r"'([^']*)'")}
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|$)")
_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([^}]*)\})")
# In double quotes a backslash counts, too; Compose leaves it before what it does not know.
_QUOTED_REFERENCE = re.compile(rf"{_REFERENCE.pattern}|\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
# Where a reference stood that has no value here; no file has such characters, since NUL ends a variable's value.
_UNKNOWN = re.compile("\0([^\0]*)\0")


class Variable(NamedTuple):
    """A variable of a file. ``text`` is kept from being shown by whoever holds it; ``line`` counts from 1."""

    text: str
    line: int

    def __repr__(self) -> str:
        return f"Variable(line={self.line})"

    @property
    def unknown(self) -> str:
        """Return what it refers to and the file does not say, such as ``$OTHER``; '' if there is nothing."""
        found = _UNKNOWN.search(self.text)
        return found[1] if found else ""


def read(data: bytes, path: Path) -> dict[str, Variable]:
    """Return the variables of a file; of one that is there twice, the last.

    Raises:
        DeclarationError: it is not such a file; the line is named and not shown.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise DeclarationError(f"{path} is not a .env file: it is not UTF-8.") from None
    if "\0" in text:
        raise DeclarationError(f"{path} is not a .env file: it has a NUL in it.")
    found: dict[str, Variable] = {}
    position = 0
    while position < len(text):
        position = _line(text, position, path, found)
    return found


def _line(text: str, position: int, path: Path, found: dict[str, Variable]) -> int:
    """Read the line, or lines, of one variable; return where the next one starts."""
    number = text.count("\n", 0, position) + 1
    if blank := _REST.match(text, position):
        return blank.end() + 1
    name = _NAME.match(text, position)
    after = name.end() if name else position
    if name is None or text[after : after + 1] not in ("=", ":", "\n", ""):
        raise DeclarationError(
            f"{path} is neither a bundle of 'strongroom export' nor a .env file: line {number} is not NAME=value."
        )
    if text[after : after + 1] not in ("=", ":"):
        return after + 1  # a name alone is taken from the environment
    start = after + 1
    while text[start : start + 1] in (" ", "\t"):
        start += 1
    value, end = _value(text, start, found, f"{path}, line {number}")
    found[name[1]] = Variable(value, number)
    return end + 1


def _value(text: str, start: int, known: Mapping[str, Variable], where: str) -> tuple[str, int]:
    if (quote := text[start : start + 1]) not in _QUOTED:
        plain = _PLAIN.match(text, start)
        assert plain  # noqa: S101 - it matches the empty text
        return _resolved(_REFERENCE, plain[1], known), plain.end()
    quoted = _QUOTED[quote].match(text, start)
    rest = quoted and _REST.match(text, quoted.end())
    if not quoted or not rest:
        raise DeclarationError(f"{where} has a value whose quotes do not end where it ends.")
    if quote == "'":
        return quoted[1], rest.end()
    return _resolved(_QUOTED_REFERENCE, quoted[1], known), rest.end()


def _resolved(references: re.Pattern[str], value: str, known: Mapping[str, Variable]) -> str:
    """Put in what a value refers to: variables above it, and characters that are escaped."""

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        if references is _QUOTED_REFERENCE and (escaped := match[4]):
            return _ESCAPES.get(escaped, match[0])
        name = match[2] or match[3]
        return known[name].text if name in known else f"\0{match[0]}\0"

    return references.sub(replace, value)


def choose(present: Mapping[str, Variable], path: Path, wanted: Sequence[str] = ()) -> dict[str, Value]:
    """Return the values of the variables that are wanted, or else of those that hold secrets.

    Raises:
        DeclarationError: one is not there, has no value, or refers to what the file does not say; or none is a secret.
    """
    from .practices.variables import is_secret

    if missing := [name for name in wanted if name not in present]:
        raise DeclarationError(f"{path} has no variable {missing[0]}.")
    chosen = list(dict.fromkeys(wanted)) or [name for name, each in present.items() if is_secret(name, each.text)]
    if not chosen:
        raise DeclarationError(
            f"{path} is no bundle of 'strongroom export', and as a .env file it has no variable that looks like a "
            "secret. Name those that are: -v NAME"
        )
    for name in chosen:
        if unknown := present[name].unknown:
            raise DeclarationError(
                f"{path}, line {present[name].line}: {name} refers to {unknown}, which no line above sets. Write the "
                "value out, or put it in single quotes if the '$' belongs to it."
            )
        if not present[name].text:
            raise DeclarationError(f"{path}, line {present[name].line}: {name} has no value.")
    return {name: Value(present[name].text.encode()) for name in chosen}


def name_of(variable: str) -> Name:
    """Return the name of the secret that a variable becomes: the one with which readers look for that variable.

    Raises:
        InvalidName: Docker takes no such name.
    """
    return Name(variable.strip("_.-").lower())


def records(chosen: Mapping[str, Value]) -> list[tuple[Secret, dict[int, Value]]]:
    """Return variables as a store imports them, each with one version.

    Raises:
        DeclarationError: two of them would have one name.
        InvalidName: as ``name_of``.
    """
    now, names = datetime.now(UTC), {name_of(variable): variable for variable in chosen}
    if len(names) < len(chosen):
        twice = next(variable for variable in chosen if names[name_of(variable)] != variable)
        raise DeclarationError(f"{twice} and {names[name_of(twice)]} would have one name. Take one of them: -v NAME")
    version = (Version(1, now, None),)
    return [
        (Secret("", name, now, now, {}, version, {Stage.CURRENT: 1}), {1: chosen[variable]})
        for name, variable in names.items()
    ]
