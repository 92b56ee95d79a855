"""What every kind of store does for references: read any path, and where it leases what it gives, renew and revoke.

A module of this folder has one ``Manager``; other packages' are found by the entry-point group ``strongroom.stores``.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..errors import InvalidValue, SecretNotFound, StrongroomError
from ..model import Value
from .base import Store
from .retry import AT_ONCE, side_by_side


class Lease(NamedTuple):
    """For how long a manager lets one use something: what it made for the reader, or the reader's own login.

    ``seconds`` counts from when it was given or renewed.
    """

    scheme: str
    id: str
    seconds: float
    renewable: bool


class Wanted(NamedTuple):
    """What a manager is asked for: a path, and a version of it (see ``Reference``)."""

    path: str
    version: int | str | None = None


class Content:
    """What lies at a path: bytes, or named fields. Shows itself only to whoever asks for a value."""

    __slots__ = ("_data", "lease", "uri", "version")

    def __init__(
        self,
        uri: str,
        data: bytes | Mapping[str, Any],
        version: int | str | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Take what the manager gave. ``version`` is the one that was read, where there are versions."""
        self.uri = uri
        self._data = _plain(data)
        self.version = version
        self.lease = lease

    def whole(self) -> Value:
        """Return all of it as one value.

        Raises:
            SecretNotFound: it has fields, so that one has to be named.
            InvalidValue: it is empty or too large.
        """
        if isinstance(self._data, bytes):
            return self._value(self._data)
        raise self._no_field("", "it has fields: name one")

    def field(self, name: str) -> Value:
        """Return a field: of the manager's own, or of the JSON object that the bytes are. ``value`` is the whole.

        Raises:
            SecretNotFound: there is no such field.
            InvalidValue: it is empty or too large.
        """
        fields = self._fields()
        if name in fields:
            return self._value(_bytes(fields[name]), name)
        if name == "value" and isinstance(self._data, bytes):
            return self.whole()
        raise self._no_field(name, f"it has no field '{name}'")

    def fields(self) -> dict[str, Value]:
        """Return every field; the whole as ``value`` where there are none.

        Raises:
            InvalidValue: one is empty or too large.
        """
        found = {name: self._value(_bytes(each), name) for name, each in self._fields().items()}
        return found or {"value": self.whole()}

    def document(self) -> dict[str, Any] | str | bytes:
        """Return it as programs like it: fields or a JSON object as a dict, text as str, all else as bytes."""
        if fields := self._fields():
            return dict(fields)
        data = self.whole().reveal()
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data

    def __repr__(self) -> str:
        return f"<content of {self.uri}>"

    def _fields(self) -> Mapping[str, Any]:
        if not isinstance(self._data, bytes):
            return self._data
        try:
            found = json.loads(self._data)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _value(self, data: bytes, field: str = "") -> Value:
        try:
            return Value(data)
        except InvalidValue as error:
            raise InvalidValue(f"{self.uri}{field and '#'}{field}: {error}") from None

    def _no_field(self, name: str, problem: str) -> SecretNotFound:
        known = ", ".join(sorted(self._fields())) or "none"
        place = f"{self.uri}: {problem} (its fields: {known})"
        return SecretNotFound(f"{self.uri}{name and '#'}{name}", (place,), f"Name one of them: {self.uri}#FIELD")


class Manager(Protocol):
    """A kind of store, as references name it. One object serves many threads, and logs in when it has to.

    It is made with a time limit in seconds, which holds for each call.
    """

    def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Content | StrongroomError]:
        """Read several paths side by side, each once; an error that concerns one of them stands in its place."""
        ...

    def store(self, path: str) -> Store:
        """Return the store of a project: what a URI of the scheme names.

        Raises:
            InvalidReference: the path names none.
            StoreUnsupported: it can be read by references only.
        """
        ...

    def close(self) -> None:
        """Let go of connections. Logins and leases stay."""
        ...


class SideBySide(ABC):
    """The most of a manager that reads each path by itself, and keeps nothing open."""

    at_once = AT_ONCE

    def __init__(self, limit: float) -> None:
        """Give each call so many seconds."""
        self._limit = limit

    def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Content | StrongroomError]:
        """Read paths side by side."""
        return side_by_side(self._fetch, wanted, self.at_once)

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Do nothing."""

    @abstractmethod
    def _fetch(self, wanted: Wanted) -> Content:
        """Read one path."""


@runtime_checkable
class Leasing(Protocol):
    """A manager that leases what it gives."""

    def login(self) -> Lease | None:
        """Return the lease of the login; None where it has no end."""
        ...

    def renew(self, lease: Lease) -> Lease:
        """Return a lease, prolonged.

        A login that can be renewed no more is made anew, which shows by another id. What the one before leased ends
        with it, and has to be fetched again.

        Raises:
            StoreUnavailable: it may be tried again.
            StoreRefused: it has ended, or ends: fetch again.
        """
        ...

    def revoke(self, lease: Lease) -> bool:
        """End a lease, and what was made for it; one that ended already is none of a problem.

        A login ends with all that it leased. One that was given is another's to end: it stays, and False is returned.
        """
        ...


def to_document(value: Value) -> dict[str, str]:
    """Return a value as JSON has it, for managers that keep text or documents only: base64 where it is no text."""
    data = value.reveal()
    try:
        return {"value": data.decode()}
    except UnicodeDecodeError:
        return {"value": base64.b64encode(data).decode(), "encoding": "base64"}


def _plain(data: bytes | Mapping[str, Any]) -> bytes | Mapping[str, Any]:
    """Undo ``to_document``."""
    if isinstance(data, bytes) or "value" not in data:
        return data
    try:
        if set(data) == {"value"}:
            return _bytes(data["value"])
        if set(data) == {"value", "encoding"} and data["encoding"] == "base64":
            return base64.b64decode(data["value"], validate=True)
    except (ValueError, TypeError):
        pass
    return data


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()
