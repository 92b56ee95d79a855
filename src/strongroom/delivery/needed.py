"""What an application needs: files and the references to their values, in a variable or in a mounted file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from .. import grants
from ..errors import DeclarationError, InvalidName, InvalidReference
from ..model import Name
from ..references import EVERY_FIELD, Reference

VARIABLE = "STRONGROOM_SECRETS"
MODE = 0o400  # nobody but the application itself has a reason to read them
_PREFIX = re.compile(r"(?:[a-zA-Z0-9][a-zA-Z0-9_.-]*)?")
# A reference may have commas: one ends it only where another NAME=SCHEME:// follows, or nothing.
_BETWEEN = re.compile(r"\s*[,\n]\s*(?=[\w.-]*=[a-z][a-z0-9+.-]*://|$)")
_OPTIONS = {"from", "uid", "gid", "mode", "optional"}


class Needed(NamedTuple):
    """A file and the reference to its value; with ``every``, a file for each key, whose names start with ``name``.

    ``uid`` and ``gid`` are None for the user that the application runs as.
    """

    name: str
    reference: Reference
    uid: int | None = None
    gid: int | None = None
    mode: int = MODE
    optional: bool = False

    @property
    def every(self) -> bool:
        """Whether every key of the secret becomes a file."""
        return self.reference.field == EVERY_FIELD


def parse(text: str, where: str = VARIABLE) -> list[Needed]:
    """Read ``NAME=REFERENCE,…``, the form of the variable ``STRONGROOM_SECRETS``.

    Raises:
        DeclarationError, InvalidName, InvalidReference: it cannot be understood.
    """
    found = []
    for item in filter(None, (each.strip(" ,\n") for each in _BETWEEN.split(text.strip()))):
        name, equals, reference = item.partition("=")
        if not equals or "://" not in reference:
            raise DeclarationError(
                f"'{name}' in {where} is not understood: give NAME=REFERENCE,…, such as "
                "db_password=vault://secret/myapp/db#password"
            )
        found.append(_checked(Needed(name, _reference(reference, where)), where))
    return found


def load(path: Path) -> list[Needed]:
    """Read a TOML or YAML file: ``secrets`` maps names to references, or to ``from`` with uid, gid, mode, optional.

    Raises:
        DeclarationError, InvalidName, InvalidReference: it cannot be read or understood.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None
    content = _toml(path, data) if path.suffix == ".toml" else _yaml(path, data)
    secrets = content.get("secrets") if isinstance(content, Mapping) else None
    if not isinstance(secrets, Mapping):
        raise DeclarationError(f"{path} has no table 'secrets' that maps names to references.")
    return [_entry(str(name), each, f"secret '{name}' in {path}") for name, each in secrets.items()]


def together(found: Iterable[Needed]) -> list[Needed]:
    """Return what was found in several places, as a list.

    Raises:
        DeclarationError: there is nothing, or one name twice.
    """
    result: dict[str, Needed] = {}
    for each in found:
        if each.name in result and not (each.every and result[each.name].every):
            raise DeclarationError(f"secret '{each.name}' is named twice: {result[each.name].reference} and "
                                   f"{each.reference}. Change one name.")  # fmt: skip
        result[f"{each.name}\0{each.reference}" if each.every else each.name] = each
    return list(result.values())


def _toml(path: Path, data: bytes) -> object:
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path} is not TOML: {error}.") from None


def _yaml(path: Path, data: bytes) -> object:
    import yaml

    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise DeclarationError(f"{path} is not YAML{line}: {getattr(error, 'problem', 'it cannot be read')}.") from None


def _entry(name: str, entry: object, where: str) -> Needed:
    if isinstance(entry, str):
        return _checked(Needed(name, _reference(entry, where)), where)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("from"), str):
        raise DeclarationError(f"{where} is not understood: give a reference, or 'from' with uid, gid, mode, optional.")
    if unknown := {str(key) for key in entry} - _OPTIONS:
        raise DeclarationError(f"{where}: '{min(unknown)}' is not known. Known: {', '.join(sorted(_OPTIONS))}.")
    mode = entry.get("mode", MODE)
    if isinstance(mode, str) and re.fullmatch(r"(?:0o?)?[0-7]{1,4}", mode):
        mode = grants.mode(mode)
    numbers = [entry[key] for key in ("uid", "gid") if key in entry]
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in (mode, *numbers)):
        raise DeclarationError(f"{where}: give numbers for uid and gid, and an octal mode such as '0400'.")
    optional = entry.get("optional", False)
    if not isinstance(optional, bool):
        raise DeclarationError(f"{where}: optional is true or false.")
    reference = _reference(entry["from"], where)
    return _checked(Needed(name, reference, entry.get("uid"), entry.get("gid"), mode & 0o777, optional), where)


def _reference(text: str, where: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReference as error:
        raise InvalidReference(f"{where}: {error}") from None


def _checked(wanted: Needed, where: str) -> Needed:
    if not wanted.every:
        try:
            Name(wanted.name)
        except InvalidName as error:
            raise InvalidName(f"{where}: {error}") from None
    elif not _PREFIX.fullmatch(wanted.name):
        raise InvalidName(f"{where}: '{wanted.name}' cannot start a file's name: use letters, digits and - _ .")
    return wanted
