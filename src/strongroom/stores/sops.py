"""``sops://path/to/secrets.enc.yaml#db.password``: a file that SOPS encrypted, by the program ``sops``. Read only.

``sops`` finds the keys itself: for age in ``SOPS_AGE_KEY_FILE``, ``SOPS_AGE_KEY`` or ``~/.config/sops/age/keys.txt``.
A field in a field is named with a dot between. A file that is no YAML, JSON, INI or dotenv is one value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ..errors import AccessDenied, InvalidReference, SecretNotFound, StoreRefused
from .managers import Content, SideBySide, Wanted
from .programs import Ended, run
from .single import SingleStore, only_current

_WHOLE = "value"
_DOCUMENTS = (".yaml", ".yml", ".json", ".env", ".ini")
# cmd/sops/codes/codes.go
_NO_KEY, _CHANGED = (128,), (51, 52)


class Manager(SideBySide):
    """Runs ``sops``."""

    def store(self, path: str) -> SingleStore:
        """Return a file as a store: each field is a secret, called by its name. It is decrypted when it changed."""
        path = str(Path(path).absolute())
        decrypt = lru_cache(maxsize=1)(lambda _: self._fetch(Wanted(path)))

        def field(name: str) -> Content:
            return Content(f"sops://{path}#{name}", decrypt(_stamp(path)).field(name).reveal())

        def fields() -> Sequence[str]:
            document = decrypt(_stamp(path)).document()
            return list(document) if isinstance(document, dict) else [_WHOLE]

        return SingleStore(f"sops://{path}", field, fields)

    def _fetch(self, wanted: Wanted) -> Content:
        uri = f"sops://{wanted.path}"
        only_current(uri, wanted.version)
        file = Path(wanted.path)
        if not wanted.path:
            raise InvalidReference(f"'{uri}' names no file: give sops://secrets.enc.yaml, or sops:///path/to/it.")
        if not file.is_file():
            raise SecretNotFound(uri, (f"there is no file {file}",), "Make it with sops, or change the reference.")
        document = file.suffix in _DOCUMENTS
        words = ["--output-type", "json"] if document else []
        ended = run(["sops", "--decrypt", *words, str(file.absolute())], uri, self._limit)
        if ended.status:
            raise _refusal(ended, uri)
        return Content(uri, dict(_leaves(_parsed(ended, uri)))) if document else Content(uri, ended.output)


def _stamp(path: str) -> tuple[int, ...]:
    """Return what changes with a file; nothing where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _leaves(fields: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _parsed(ended: Ended, uri: str) -> Mapping[str, object]:
    try:
        found = json.loads(ended.output)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StoreRefused(f"{uri}: sops gave no fields.")
    return found


def _refusal(ended: Ended, uri: str) -> StoreRefused:
    if ended.status in _NO_KEY:
        return AccessDenied(f"{uri}: sops has no key that opens it. Name yours in SOPS_AGE_KEY_FILE.")
    if ended.status in _CHANGED:
        return StoreRefused(f"{uri} was changed after it was encrypted: sops does not trust it.")
    return StoreRefused(f"{uri} cannot be read: sops: {ended.said}.")
