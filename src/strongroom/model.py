"""The words of strongroom as types: small, immutable, no I/O.

Named tuples, since a frozen dataclass takes every command a millisecond to make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NoReturn, Self

from .errors import InvalidName, InvalidValue

# swarmkit, manager/controlapi/common.go: what a Swarm secret may be called.
_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?")
MAX_NAME_LENGTH = 64
# swarmkit, api/validation/secrets.go: 1 <= length < 500 KiB.
MAX_VALUE_BYTES = 511_999


class Name(str):
    """A secret's name that follows Docker's rule."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check ``text``.

        Raises:
            InvalidName: it breaks the rule.
        """
        if len(text) > MAX_NAME_LENGTH or not _NAME.fullmatch(text):
            raise InvalidName(
                f"{text!r} is not a secret's name. Docker takes at most {MAX_NAME_LENGTH} characters of "
                "a-z A-Z 0-9 - _ . with a letter or digit at both ends."
            )
        return super().__new__(cls, text)


class Value:
    """A secret's bytes, which show themselves only to whoever calls ``reveal``."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        """Take ``data`` as it is.

        Raises:
            InvalidValue: it is empty, or larger than Docker allows (511,999 bytes).
        """
        if not data:
            raise InvalidValue("a secret cannot be empty: give it at least one byte.")
        if len(data) > MAX_VALUE_BYTES:
            raise InvalidValue(
                f"the value has more than {MAX_VALUE_BYTES:,} bytes, which is all that Docker takes. "
                "Keep large data elsewhere, encrypted, and only its key as a secret."
            )
        self._data = bytes(data)

    def reveal(self) -> bytes:
        """Return the bytes. Only deliveries, rotators and an explicit reveal have a reason to."""
        return self._data

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        from hmac import compare_digest

        return compare_digest(self._data, other._data) if isinstance(other, Value) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a hash of a short secret is the secret

    def __repr__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret's value is not pickled: it would end in a file or on a wire")


class Stage(StrEnum):
    """A label that points at one version of a secret (the protocol AWS Secrets Manager made known)."""

    CURRENT = "current"
    PREVIOUS = "previous"
    PENDING = "pending"


class Version(NamedTuple):
    """One version of a secret, without its value."""

    number: int
    created_at: datetime
    destroyed_at: datetime | None = None


class Secret(NamedTuple):
    """A secret without its values: what may be listed and shown."""

    id: str
    name: Name
    created_at: datetime
    updated_at: datetime
    labels: Mapping[str, str]
    versions: tuple[Version, ...]
    stages: Mapping[Stage, int]

    @property
    def current_since(self) -> datetime:
        """When the current version was made."""
        current = self.stages[Stage.CURRENT]
        return next(version.created_at for version in self.versions if version.number == current)

    def stages_of(self, number: int) -> tuple[Stage, ...]:
        """Return the stages that point at version ``number``, in the order of ``Stage``."""
        return tuple(stage for stage in Stage if self.stages.get(stage) == number)


class Grant(NamedTuple):
    """One service's right to one secret: where it appears, whose it is, and who may read it.

    ``target`` is a path below ``/run/secrets``, or an absolute one. ``mode`` defaults to 0444, as Docker creates them.
    """

    secret: Name
    target: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels as a dict.

    Raises:
        InvalidName: a key is empty or contains white space or a control character.
    """
    for key in labels:
        if not key or any(character.isspace() or not character.isprintable() for character in key):
            raise InvalidName(f"{key!r} is not a label's key: give one or more printable characters without spaces.")
    return dict(labels)


def move_stage(stages: Mapping[Stage, int], stage: Stage, version: int | None) -> dict[Stage, int]:
    """Return the stages after one moved; the rule that every store follows (see ``stores.base.Store.move_stage``)."""
    moved = dict(stages)
    if version is None:
        moved.pop(stage, None)
        return moved
    if stage is Stage.CURRENT and moved.get(Stage.CURRENT, version) != version:
        moved[Stage.PREVIOUS] = moved[Stage.CURRENT]
    if stage is Stage.CURRENT and moved.get(Stage.PENDING) == version:
        del moved[Stage.PENDING]
    moved[stage] = version
    return moved
