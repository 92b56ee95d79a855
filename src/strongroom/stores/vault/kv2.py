"""Secrets in a KV engine of version 2, whose versions are ours.

Stages are kept as ``stages`` says, in the custom metadata ``strongroom``. All other custom metadata are labels.
A version is one request with check-and-set; OpenBao checks the metadata in the same way, Vault has the last one win.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...errors import InvalidName, SecretNotFound, StoreBusy, StoreRefused
from ...model import Name, Secret, Stage, Value, Version, check_labels, move_stage
from .. import base
from ..base import Capability
from ..managers import Content, to_document
from ..retry import all_or_error, side_by_side
from ..single import identity, valid_names
from ..stages import Kept
from .client import Json
from .session import Session

_KEY = "strongroom"
_TRIES = 5  # of a change that others change, too


class Kv2Store:
    """A project's secrets below a path."""

    capabilities = frozenset(Capability)

    def __init__(self, session: Session, mount: str, prefix: str) -> None:
        """Keep secrets at ``mount`` + ``prefix`` + name."""
        self._session = session
        self._mount = mount
        self._prefix = prefix
        self.place = f"vault://{mount}{prefix}".rstrip("/")

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Create a secret.

        Raises:
            SecretExists: there is one.
        """
        labels = check_labels(labels or {})
        metadata = self._find(name)
        if metadata and _readable(metadata):
            raise base.exists(self, name)
        self._add(name, value, metadata["current_version"] if metadata else 0)
        if labels:
            self.set_labels(name, labels)
        return self.inspect(name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Add a version. A pending one is announced first, so that nobody takes it for the current one."""
        metadata = self._metadata(name)
        newest = int(metadata["current_version"])
        if stage is Stage.CURRENT:
            self._add(name, value, newest)
            return newest + 1
        before = metadata.get("custom_metadata") or {}
        stages = move_stage(_stages(metadata), stage, newest + 1)
        self._set_metadata(name, metadata, {**before, _KEY: str(Kept(stages, newest + 1))})
        try:
            self._add(name, value, newest)
        except BaseException:
            self._set_metadata(name, {}, {_KEY: "", **before})
            raise
        return newest + 1

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return a value."""
        try:
            return read(self._session, self._mount, self._prefix + name, version, self.place).whole()
        except SecretNotFound:
            readable = _readable(self._metadata(name))
            raise base.version_not_found(self, name, version, readable) from None

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values, read side by side."""
        return all_or_error(side_by_side(lambda each: self.read(*each), wanted))

    def inspect(self, name: Name) -> Secret:
        """Return what there is to know."""
        return self._secret(name, self._metadata(name))

    def list(self) -> Sequence[Secret]:
        """Return all secrets below the path whose names follow Docker's rule, and which have a current version."""
        answer = self._session.request("LIST", f"{self._mount}metadata/{self._prefix}".rstrip("/")) or {}
        names = valid_names((answer.get("data") or {}).get("keys") or [])
        found = all_or_error(side_by_side(self._find, names))
        return sorted(
            (self._secret(name, each) for name, each in zip(names, found, strict=True) if each and _stages(each)),
            key=lambda secret: secret.name,
        )

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Point a stage at a version, or take it away."""
        if version is None and stage is Stage.CURRENT:
            self._metadata(name)
            raise base.current_stays(name)

        def change(metadata: Json) -> dict[str, str]:
            if version is not None and version not in _readable(metadata):
                raise base.version_not_found(self, name, version, _readable(metadata))
            stages = move_stage(_stages(metadata), stage, version)
            return {**(metadata.get("custom_metadata") or {}), _KEY: str(Kept(stages, metadata["current_version"]))}

        self._change_metadata(name, change)

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Replace the labels."""
        checked = check_labels(labels)
        if _KEY in checked:
            raise InvalidName(f"'{_KEY}' is how the store keeps its stages: choose another key for the label.")

        def change(metadata: Json) -> dict[str, str]:
            kept = (metadata.get("custom_metadata") or {}).get(_KEY)
            return checked | ({_KEY: kept} if kept else {})

        self._change_metadata(name, change)

    def destroy(self, name: Name, version: int) -> None:
        """Destroy a version that is not current."""
        metadata = self._metadata(name)
        if str(version) not in metadata["versions"]:
            raise base.version_not_found(self, name, version, _readable(metadata))
        if _stages(metadata).get(Stage.CURRENT) == version:
            raise base.current_stays(name)
        self._session.request("POST", f"{self._mount}destroy/{self._prefix}{name}", {"versions": [version]})

    def remove(self, name: Name) -> None:
        """Destroy a secret with all its versions."""
        self._metadata(name)
        self._session.request("DELETE", f"{self._mount}metadata/{self._prefix}{name}")

    def close(self) -> None:
        """Close connections."""
        self._session.close()

    def _add(self, name: Name, value: Value, newest: int) -> None:
        body = {"data": to_document(value), "options": {"cas": newest}}
        try:
            self._session.request("POST", f"{self._mount}data/{self._prefix}{name}", body, repeatable=False)
        except StoreRefused as error:
            if "check-and-set" in str(error):
                raise _busy(self.place, name) from None
            raise

    def _find(self, name: Name) -> Json | None:
        answer = self._session.request("GET", f"{self._mount}metadata/{self._prefix}{name}")
        return answer["data"] if answer else None

    def _metadata(self, name: Name) -> Json:
        metadata = self._find(name)
        if not metadata or not _stages(metadata):
            raise base.not_found(self, name)
        return metadata

    def _change_metadata(self, name: Name, change: Any) -> None:  # noqa: ANN401 - see the two callers
        for _ in range(_TRIES):
            metadata = self._metadata(name)
            if self._set_metadata(name, metadata, change(metadata)):
                return
        raise _busy(self.place, name)

    def _set_metadata(self, name: Name, before: Json, custom: Mapping[str, str]) -> bool:
        """Replace the custom metadata; return whether nobody else did since ``before``."""
        body: Json = {"custom_metadata": {key: text for key, text in custom.items() if key != _KEY or text}}
        if "current_metadata_version" in before:
            body["metadata_cas"] = before["current_metadata_version"]
        try:
            self._session.request("POST", f"{self._mount}metadata/{self._prefix}{name}", body)
        except StoreRefused as error:
            if "check-and-set" not in str(error):
                raise
            return False
        return True

    def _secret(self, name: Name, metadata: Json) -> Secret:
        numbers = sorted(map(int, metadata["versions"]))
        labels = {key: text for key, text in (metadata.get("custom_metadata") or {}).items() if key != _KEY}
        created = _time(metadata["created_time"])
        return Secret(
            identity(self.place, name, created), name, created, _time(metadata["updated_time"]), labels,
            tuple(_version(number, metadata["versions"][str(number)], metadata) for number in numbers),
            _stages(metadata),
        )  # fmt: skip


def read(session: Session, mount: str, path: str, version: int | str | None, uri: str) -> Content:
    """Read a version: mostly with one request, since the newest one tells which is current.

    Raises:
        SecretNotFound: there is none.
    """
    if version is None or isinstance(version, Stage):
        newest = session.request("GET", f"{mount}data/{path}")
        if newest is None:
            raise SecretNotFound(uri, ("Vault has nothing there",), "Look at the path, and at VAULT_NAMESPACE.")
        metadata = newest["data"]["metadata"]
        number = _kept(metadata).number(version or Stage.CURRENT, int(metadata["version"]))
        answer = newest if number == metadata["version"] else None
    elif isinstance(version, int):
        number, answer = version, None
    else:
        raise SecretNotFound(uri, (f"'{version}' is neither a number nor a stage",), "Vault counts versions from 1.")
    if number and answer is None:
        answer = session.request("GET", f"{mount}data/{path}?version={number}")
    if answer is None or answer["data"].get("data") is None:
        place = f"it has no {version or 'current'} version that can be read"
        raise SecretNotFound(uri, (place,), f"See: vault kv metadata get {mount}{path}")
    return Content(uri, answer["data"]["data"], number)


def _stages(metadata: Json) -> dict[Stage, int]:
    """Return the stages of a secret; none where it has no current version that can be read."""
    return _kept(metadata).readable(int(metadata["current_version"]), _readable(metadata))


def _kept(metadata: Json) -> Kept:
    return Kept.parse((metadata.get("custom_metadata") or {}).get(_KEY, ""))


def _readable(metadata: Json) -> list[int]:
    return sorted(int(number) for number, each in metadata["versions"].items() if _version(1, each, {})[2] is None)


def _version(number: int, content: Json, metadata: Json) -> Version:
    created = _time(content["created_time"])
    gone = _time(content["deletion_time"]) if content.get("deletion_time") else None
    if content.get("destroyed"):  # nobody records when
        return Version(number, created, gone or _time(metadata.get("updated_time") or content["created_time"]))
    return Version(number, created, gone if gone and gone <= datetime.now(UTC) else None)


def _time(text: str) -> datetime:
    """Read RFC 3339 with nanoseconds, of which Python keeps microseconds."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")


def _busy(place: str, name: str) -> StoreBusy:
    return StoreBusy(f"somebody else changed '{name}' in {place} at the same time, and nothing was done. Try again.")
