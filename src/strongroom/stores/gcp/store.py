"""Secrets of Google Cloud Secret Manager as a project's store. Stages are changed one after the other, by etags."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ...errors import InvalidName, InvalidValue, SecretNotFound, StoreBusy, StoreRefused
from ...model import Name, Secret, Stage, Value, Version, check_labels, move_stage
from .. import base
from ..base import Capability
from ..managers import Content
from ..retry import all_or_error, side_by_side
from ..single import identity, valid_names
from ..stages import Kept
from .client import Manager

MAX_BYTES = 65_536
_SEEN = "strongroom-seen"  # an annotation: the newest version that the aliases know of
_ID = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_TRIES = 5  # of a change that others change, too
_DESTROYED = 3  # SecretVersion.State


class Found(NamedTuple):
    """A secret as Google has it, its versions by number, and the stages of those that can be read."""

    raw: Any
    versions: Mapping[int, Any]
    stages: Mapping[Stage, int]

    @property
    def newest(self) -> int:
        """The number of the newest version; 0 without any."""
        return max(self.versions, default=0)

    @property
    def readable(self) -> list[int]:
        """The numbers of the versions that can be read."""
        return sorted(number for number, each in self.versions.items() if each.state != _DESTROYED)


class GcpStore:
    """A project's secrets, or those with a prefix."""

    capabilities = frozenset(Capability)

    def __init__(self, manager: Manager, project: str, prefix: str) -> None:
        """Keep secrets called ``prefix``-name."""
        self._manager = manager
        self._parent = f"projects/{project}"
        self._prefix = prefix and f"{prefix}-"
        self.place = f"gcp://{project}/{prefix}".rstrip("/")

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Create a secret. One that has no version yet gets its first."""
        _check(value, name)
        request = {
            "parent": self._parent,
            "secret_id": self._id(name),
            "secret": {"replication": {"automatic": {}}, "labels": check_labels(labels or {})},
        }
        try:
            self._ask(name, lambda client, options: client.create_secret(request=request, **options))
        except StoreRefused as error:
            if "(409)" not in str(error):
                raise
            if find(self._manager, self._path(name), self.place).stages:
                raise base.exists(self, name) from None
        self._add(name, value)
        return self.inspect(name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Add a version. Before a pending one, an alias says which stays current."""
        _check(value, name)
        found = self._find(name)
        if stage is not Stage.CURRENT:
            self._change(name, lambda found: found.stages, pinned=True)
        try:
            number = self._add(name, value)
        except BaseException:
            if stage is not Stage.CURRENT:
                self._change(name, lambda found: found.stages)
            raise
        before = found.stages
        self._change(name, lambda _: move_stage(before, stage, number))
        return number

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return a value."""
        try:
            return self._read(name, version).whole()
        except SecretNotFound:
            raise base.version_not_found(self, name, version, self._find(name).readable) from None

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values, read side by side."""
        return all_or_error(side_by_side(lambda each: self.read(*each), wanted, self._manager.at_once))

    def inspect(self, name: Name) -> Secret:
        """Return what there is to know."""
        return self._secret(name, self._find(name))

    def list(self) -> Sequence[Secret]:
        """Return all secrets with the prefix whose names follow Docker's rule, and which have a current version."""
        request = {"parent": self._parent, "filter": f"name:{self._prefix}" if self._prefix else ""}
        secrets = self._manager.ask(
            self.place, lambda client, options: list(client.list_secrets(request=request, **options))
        )
        known = {each.name.rpartition("/")[2]: each for each in secrets}
        names = valid_names(each.removeprefix(self._prefix) for each in known if each.startswith(self._prefix))
        found = all_or_error(
            side_by_side(lambda name: self._versions(known[self._prefix + name]), names, self._manager.at_once)
        )
        return sorted(
            (self._secret(name, each) for name, each in zip(names, found, strict=True) if each.stages),
            key=lambda secret: secret.name,
        )

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Point a stage at a version, or take it away."""
        if version is None and stage is Stage.CURRENT:
            self._find(name)
            raise base.current_stays(name)

        def change(found: Found) -> Mapping[Stage, int]:
            if version is not None and version not in found.readable:
                raise base.version_not_found(self, name, version, found.readable)
            return move_stage(found.stages, stage, version)

        self._change(name, change)

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Replace the labels."""
        checked = check_labels(labels)
        self._find(name)
        self._update(name, {"labels": checked}, ["labels"])

    def destroy(self, name: Name, version: int) -> None:
        """Destroy a version that is not current."""
        found = self._find(name)
        if version not in found.versions:
            raise base.version_not_found(self, name, version, found.readable)
        if found.stages.get(Stage.CURRENT) == version:
            raise base.current_stays(name)
        if version in found.readable:
            request = {"name": f"{self._path(name)}/versions/{version}"}
            self._ask(name, lambda client, options: client.destroy_secret_version(request=request, **options))

    def remove(self, name: Name) -> None:
        """Destroy a secret with all its versions."""
        self._find(name)
        request = {"name": self._path(name)}
        self._ask(name, lambda client, options: client.delete_secret(request=request, **options))

    def close(self) -> None:
        """Close connections."""
        self._manager.close()

    def _id(self, name: Name) -> str:
        found = self._prefix + name
        if not _ID.fullmatch(found):
            raise InvalidName(f"Google takes no secret called '{found}': letters, digits, '-' and '_' only.")
        return found

    def _path(self, name: Name) -> str:
        return f"{self._parent}/secrets/{self._id(name)}"

    def _ask(self, name: Name, call: Callable[[Any, Any], Any], *, repeatable: bool = True) -> Any:  # noqa: ANN401
        return self._manager.ask(f"{self.place}/{name}", call, repeatable=repeatable)

    def _read(self, name: Name, version: int | Stage) -> Content:
        return self._manager.read(self._path(name), version, f"{self.place}/{name}")

    def _add(self, name: Name, value: Value) -> int:
        request = {"parent": self._path(name), "payload": {"data": value.reveal()}}
        made = self._ask(
            name, lambda client, options: client.add_secret_version(request=request, **options), repeatable=False
        )
        return int(made.name.rpartition("/")[2])

    def _find(self, name: Name) -> Found:
        try:
            found = find(self._manager, self._path(name), f"{self.place}/{name}")
        except SecretNotFound:
            raise base.not_found(self, name) from None
        if not found.stages:
            raise base.not_found(self, name)
        return found

    def _versions(self, raw: Any) -> Found:  # noqa: ANN401
        return find(self._manager, raw.name, self.place, raw)

    def _change(self, name: Name, change: Callable[[Found], Mapping[Stage, int]], *, pinned: bool = False) -> None:
        """Keep other stages, unless somebody else changes the secret at the same time: then look again."""
        for _ in range(_TRIES):
            found = self._find(name)
            stages = change(found)
            ours = {
                stage.value: number
                for stage, number in stages.items()
                if pinned or stage is not Stage.CURRENT or number != found.newest
            }
            present = {alias: number for alias, number in found.raw.version_aliases.items() if alias in set(Stage)}
            if ours == present or (stages == found.stages and not pinned and Stage.CURRENT not in present):
                return
            others = {alias: number for alias, number in found.raw.version_aliases.items() if alias not in set(Stage)}
            annotations = {**found.raw.annotations, _SEEN: str(found.newest)}
            content = {"version_aliases": others | ours, "annotations": annotations, "etag": found.raw.etag}
            try:
                self._update(name, content, ["version_aliases", "annotations"])
                return
            except StoreRefused as error:
                if "etag" not in str(error).lower():
                    raise
        raise StoreBusy(f"somebody else changed '{name}' in {self.place} at the same time. Try again.")

    def _update(self, name: Name, content: Mapping[str, Any], fields: Sequence[str]) -> None:
        request = {"secret": {"name": self._path(name), **content}, "update_mask": {"paths": fields}}
        self._ask(name, lambda client, options: client.update_secret(request=request, **options))

    def _secret(self, name: Name, found: Found) -> Secret:
        created = _utc(found.raw.create_time)
        versions = tuple(
            Version(number, _utc(each.create_time), _utc(each.destroy_time) if each.state == _DESTROYED else None)
            for number, each in sorted(found.versions.items())
        )
        updated = max([created, *(each.destroyed_at or each.created_at for each in versions)])
        return Secret(
            identity(self.place, name, created), name, created, updated, dict(found.raw.labels), versions, found.stages
        )


def find(manager: Manager, path: str, uri: str, raw: Any = None) -> Found:  # noqa: ANN401
    """Look up a secret, if ``raw`` is not it, and all its versions.

    Raises:
        SecretNotFound: there is none.
    """
    secret = raw or manager.ask(uri, lambda client, options: client.get_secret(request={"name": path}, **options))
    listed = manager.ask(
        uri, lambda client, options: list(client.list_secret_versions(request={"parent": path}, **options))
    )
    versions = {int(each.name.rpartition("/")[2]): each for each in listed}
    newest = max(versions, default=0)
    readable = [number for number, each in versions.items() if each.state != _DESTROYED]
    return Found(secret, versions, _kept(secret, newest).readable(newest, readable))


def _kept(secret: Any, newest: int) -> Kept:  # noqa: ANN401
    """Return the stages that the aliases say; the alias ``current`` counts whatever is newer."""
    aliases = {Stage(alias): int(number) for alias, number in secret.version_aliases.items() if alias in set(Stage)}
    if Stage.CURRENT in aliases:
        return Kept(aliases, newest)
    seen = secret.annotations.get(_SEEN, "")
    number = int(seen) if seen.isdecimal() else 0
    return Kept({Stage.CURRENT: number, **aliases} if number else aliases, number)


def _check(value: Value, name: str) -> None:
    if len(value) > MAX_BYTES:
        raise InvalidValue(f"'{name}' has {len(value):,} bytes: Google Secret Manager takes at most {MAX_BYTES:,}.")


def _utc(time: datetime) -> datetime:
    return datetime.fromtimestamp(time.timestamp(), UTC)
