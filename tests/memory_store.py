"""A store in memory: the protocol at its simplest, as the model that the embedded store is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from strongroom.model import Name, Secret, Stage, Value, Version, check_labels, move_stage
from strongroom.stores import base


class MemoryStore:
    """Keeps secrets in two dictionaries."""

    place = "memory"
    capabilities = frozenset(base.Capability)

    def __init__(self) -> None:
        self._secrets: dict[Name, Secret] = {}
        self._values: dict[tuple[Name, int], Value] = {}

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        if name in self._secrets:
            raise base.exists(self, name)
        at = datetime.now(UTC)
        self._secrets[name] = Secret(
            f"id-of-{name}", name, at, at, check_labels(labels or {}), (Version(1, at),), {Stage.CURRENT: 1}
        )
        self._values[name, 1] = value
        return self._secrets[name]

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        secret = self.inspect(name)
        number = len(secret.versions) + 1
        versions = (*secret.versions, Version(number, datetime.now(UTC)))
        self._secrets[name] = secret._replace(versions=versions, stages=move_stage(secret.stages, stage, number))
        self._values[name, number] = value
        return number

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        secret = self.inspect(name)
        number = secret.stages.get(version, 0) if isinstance(version, Stage) else version
        if (name, number) not in self._values:
            raise base.version_not_found(self, name, version, [n for each, n in self._values if each == name])
        return self._values[name, number]

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        return [self.read(name, version) for name, version in wanted]

    def inspect(self, name: Name) -> Secret:
        if name not in self._secrets:
            raise base.not_found(self, name)
        return self._secrets[name]

    def list(self) -> Sequence[Secret]:
        return [self._secrets[name] for name in sorted(self._secrets)]

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        secret = self.inspect(name)
        if version is None and stage is Stage.CURRENT:
            raise base.current_stays(name)
        if version is not None:
            self.read(name, version)
        self._secrets[name] = secret._replace(stages=move_stage(secret.stages, stage, version))

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        self._secrets[name] = self.inspect(name)._replace(labels=check_labels(labels))

    def destroy(self, name: Name, version: int) -> None:
        secret = self.inspect(name)
        if version not in range(1, len(secret.versions) + 1):
            raise base.version_not_found(self, name, version, [])
        if secret.stages.get(Stage.CURRENT) == version:
            raise base.current_stays(name)
        self._values.pop((name, version), None)
        at = datetime.now(UTC)
        versions = tuple(v._replace(destroyed_at=at) if v.number == version else v for v in secret.versions)
        stages = {stage: number for stage, number in secret.stages.items() if number != version}
        self._secrets[name] = secret._replace(versions=versions, stages=stages)

    def remove(self, name: Name) -> None:
        for version in self.inspect(name).versions:
            self._values.pop((name, version.number), None)
        del self._secrets[name]

    def close(self) -> None:
        pass
