"""``pass://myapp/db``: the store of pass, the standard Unix password manager, which gopass keeps, too.

An entry is a file that gpg encrypted, below ``PASSWORD_STORE_DIR``, ``~/.password-store`` or gopass's own directory. It
is read by ``gpg``, and written by ``pass``, which knows the recipients and Git. Without a field an entry is the whole
of it, as ``pass show`` prints it; ``#password`` is its first line, and ``#NAME`` what follows ``NAME:`` in another.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import AccessDenied, InvalidReference, SecretNotFound, StoreRefused
from ..model import Value
from .managers import Content, SideBySide, Wanted
from .programs import run
from .single import SingleStore, Writing, only_current

_PASSWORD = "password"  # noqa: S105 - a field's name
_SUFFIX = ".gpg"
_STATUS = "[GNUPG:]"  # doc/DETAILS of GnuPG
_WHOLE = f"{_STATUS} DECRYPTION_OKAY"
_NO_KEY = re.compile("secret key|pinentry|cancelled", re.IGNORECASE)
_ENGLISH = {"LC_ALL": "C"}


class Entry(Content):
    """An entry: its first line is the password, and those after it may be ``NAME: VALUE``."""

    __slots__ = ()

    def _fields(self) -> Mapping[str, Any]:
        if found := super()._fields():
            return found
        try:
            first, *lines = self.whole().reveal().decode().splitlines()
        except (UnicodeDecodeError, ValueError):
            return {}
        pairs = (line.partition(":") for line in lines)
        return {name.strip(): value.strip() for name, colon, value in pairs if colon and value.strip()} | (
            {_PASSWORD: first} if first else {}
        )

    def document(self) -> dict[str, Any] | str | bytes:
        """Return an entry that is a password alone as that, all others as ``Content`` does."""
        fields = self._fields()
        return str(fields[_PASSWORD]) if set(fields) == {_PASSWORD} else super().document()


class Manager(SideBySide):
    """The password store of this user."""

    at_once = 4  # gpg-agent runs out of secure memory with many

    def __init__(self, limit: float) -> None:
        """Give each program so many seconds."""
        super().__init__(limit)
        self._directory = _directory()

    def store(self, path: str) -> SingleStore:
        """Return the entries of a folder as a store; without one, those at the top."""
        folder = _clean(path) if path.strip("/") else ""
        prefix = f"{folder}/" if folder else ""
        writing = Writing(
            lambda name, value: self._pass(["insert", "--multiline"], prefix + name, value),
            lambda name: self._pass(["rm"], prefix + name),
        )
        return SingleStore(
            f"pass://{folder}", lambda name: self._fetch(Wanted(prefix + name)), lambda: self._names(folder), writing
        )

    def _fetch(self, wanted: Wanted) -> Content:
        path = _clean(wanted.path)
        uri = f"pass://{path}"
        only_current(uri, wanted.version)
        file = self._directory / f"{path}{_SUFFIX}"
        if not file.is_file():
            raise SecretNotFound(uri, (f"there is no {file}",), f"Make it: pass insert {path}")
        gpg = "gpg2" if shutil.which("gpg2") else "gpg"
        options = shlex.split(os.environ.get("PASSWORD_STORE_GPG_OPTS", ""))
        words = [gpg, *options, "--quiet", "--batch", "--status-fd", "2", "--decrypt", str(file)]
        ended = run(words, uri, self._limit, environment=_ENGLISH)
        # Of a file that is cut short early gpg makes nothing, and its exit status says that all is well.
        if ended.status == 0 and _WHOLE in ended.lines:
            return Entry(uri, ended.output)
        said = ended._replace(lines=[line for line in ended.lines if not line.startswith(_STATUS)]).said
        if _NO_KEY.search(said):
            raise AccessDenied(f"{uri} cannot be opened: {said}.")
        raise StoreRefused(f"{uri} cannot be read: {said if ended.status else 'it is cut short'}.")

    def _pass(self, verb: Sequence[str], path: str, value: Value | None = None) -> None:
        uri = f"pass://{path}"
        words = ["pass", *verb, "--force", "--", path]
        environment = {**_ENGLISH, "PASSWORD_STORE_DIR": str(self._directory)}
        ended = run(words, uri, self._limit, value.reveal() if value else b"", environment)
        if ended.status:
            raise StoreRefused(f"{uri}: 'pass {verb[0]}' failed: {ended.said}.")

    def _names(self, folder: str) -> list[str]:
        place = self._directory / folder
        try:
            return [each.name.removesuffix(_SUFFIX) for each in place.iterdir() if each.suffix == _SUFFIX]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreRefused(f"pass://{folder} cannot be listed: {error.strerror}.") from None


def _directory() -> Path:
    """Return where the entries are, as pass and gopass look for them."""
    if named := os.environ.get("PASSWORD_STORE_DIR"):
        return Path(named)
    ours = Path.home() / ".password-store"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    theirs = Path(data, "gopass/stores/root")
    return theirs if theirs.is_dir() and not ours.is_dir() else ours


def _clean(path: str) -> str:
    clean = path.strip("/")
    if not clean or any(part in ("", ".", "..") for part in clean.split("/")):
        raise InvalidReference(f"'pass://{path}' names no entry: give one as 'pass ls' shows it.")
    return clean
