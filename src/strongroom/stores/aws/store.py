"""Secrets of AWS Secrets Manager as a project's store. One change is one request, checked by the version's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ...errors import InvalidValue, SecretNotFound, StoreBusy, StoreRefused, StoreUnsupported
from ...model import Name, Secret, Stage, Value, Version, check_labels
from .. import base
from ..base import Capability
from ..managers import Content
from ..retry import all_or_error, side_by_side
from ..single import identity, valid_names
from .client import STAGES, Json, Manager, number_of, version_id

MAX_BYTES = 65_536


class _Found(NamedTuple):
    """A secret, and the ids that AWS has for its versions."""

    secret: Secret
    ids: Mapping[int, str]
    newest: int


class AwsStore:
    """A project's secrets below a path."""

    capabilities = frozenset(Capability) - {Capability.DESTROY}

    def __init__(self, manager: Manager, prefix: str) -> None:
        """Keep secrets called ``prefix`` / name."""
        self._manager = manager
        self._prefix = prefix and f"{prefix}/"
        self.place = f"aws://{prefix}"

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Create a secret."""
        tags = [{"Key": key, "Value": text} for key, text in check_labels(labels or {}).items()]
        arguments = {"Name": self._prefix + name, "ClientRequestToken": version_id(1), **_value(value, name)}
        try:
            self._ask("create_secret", name, **arguments, **({"Tags": tags} if tags else {}))
        except StoreRefused as error:
            if "ResourceExists" in str(error):
                raise base.exists(self, name) from None
            raise
        self._keep(name, version_id(1), 1)
        return self.inspect(name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Add a version."""
        arguments = _value(value, name)
        found = self._find(name)
        number = found.newest + 1
        stages = [STAGES[stage], f"strongroom-v{number}"]
        try:
            self._ask(
                "put_secret_value", name, ClientRequestToken=version_id(number), VersionStages=stages, **arguments
            )
        except StoreRefused as error:
            if "ResourceExists" in str(error):
                raise StoreBusy(
                    f"somebody else changed '{name}' in {self.place} at the same time, and nothing was done. Try again."
                ) from None
            raise
        return number

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return a value."""
        try:
            return self._read(name, version).whole()
        except SecretNotFound:
            raise base.version_not_found(self, name, version, sorted(self._find(name).ids)) from None

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values, read side by side."""
        return all_or_error(side_by_side(lambda each: self.read(*each), wanted))

    def inspect(self, name: Name) -> Secret:
        """Return what there is to know."""
        return self._find(name).secret

    def list(self) -> Sequence[Secret]:
        """Return all secrets below the path whose names follow Docker's rule."""
        names: list[str] = []
        arguments: Json = {"Filters": [{"Key": "name", "Values": [self._prefix]}]} if self._prefix else {}
        while True:
            answer = self._manager.ask("list_secrets", self.place, **arguments)
            names += [each["Name"] for each in answer["SecretList"] if each["Name"].startswith(self._prefix)]
            if not answer.get("NextToken"):
                break
            arguments["NextToken"] = answer["NextToken"]
        wanted = sorted(valid_names(each.removeprefix(self._prefix) for each in names))
        return [each.secret for each in all_or_error(side_by_side(self._find, wanted))]

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Point a stage at a version, or take it away; AWS itself moves AWSPREVIOUS."""
        found = self._find(name)
        if version is None and stage is Stage.CURRENT:
            raise base.current_stays(name)
        if version is not None and version not in found.ids:
            raise base.version_not_found(self, name, version, sorted(found.ids))
        before = found.secret.stages.get(stage)
        if before != version:
            moved = {"RemoveFromVersionId": found.ids[before]} if before else {}
            moved |= {"MoveToVersionId": found.ids[version]} if version else {}
            self._ask("update_secret_version_stage", name, VersionStage=STAGES[stage], **moved)
        if stage is Stage.CURRENT and version and found.secret.stages.get(Stage.PENDING) == version:
            self.move_stage(name, Stage.PENDING, None)

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Replace the labels, which AWS calls tags."""
        checked = check_labels(labels)
        before = self._find(name).secret.labels
        if checked:
            self._ask("tag_resource", name, Tags=[{"Key": key, "Value": text} for key, text in checked.items()])
        if gone := [key for key in before if key not in checked]:
            self._ask("untag_resource", name, TagKeys=gone)

    def destroy(self, name: Name, version: int) -> None:
        """Refuse: AWS cannot."""
        found = self._find(name)
        if version not in found.ids:
            raise base.version_not_found(self, name, version, sorted(found.ids))
        raise StoreUnsupported(f"AWS destroys no single version: '{name}' can only be removed as a whole.")

    def remove(self, name: Name) -> None:
        """Remove a secret, at once and for good."""
        self._find(name)
        self._ask("delete_secret", name, ForceDeleteWithoutRecovery=True)

    def close(self) -> None:
        """Close connections."""
        self._manager.close()

    def _read(self, name: Name, version: int | Stage) -> Content:
        return self._manager.read(self._prefix + name, version, f"{self.place}/{name}")

    def _ask(self, operation: str, name: Name, **arguments: Any) -> Json:  # noqa: ANN401
        if "Name" not in arguments:
            arguments["SecretId"] = self._prefix + name
        return self._manager.ask(operation, f"{self.place}/{name}", **arguments)

    def _keep(self, name: Name, version: str, number: int) -> None:
        """Give a version its own stage: AWS forgets those without any."""
        self._ask("update_secret_version_stage", name, VersionStage=f"strongroom-v{number}", MoveToVersionId=version)

    def _find(self, name: Name) -> _Found:
        try:
            secret = self._ask("describe_secret", name)
        except SecretNotFound:
            raise base.not_found(self, name) from None
        return _found(name, secret, _versions(self._manager, self._prefix + name, self.place))


def find_version(manager: Manager, name: str, number: int, uri: str) -> str:
    """Return AWS's id of a version that others made.

    Raises:
        SecretNotFound: there is none of that number.
    """
    for each in _versions(manager, name, uri):
        if _number(each) == number and each.get("VersionStages"):
            return str(each["VersionId"])
    raise SecretNotFound(uri, (f"it has no version {number}",), "See: aws secretsmanager list-secret-version-ids")


def _versions(manager: Manager, name: str, uri: str) -> list[Json]:
    """Return all versions, those without stages too: their numbers are taken."""
    arguments: Json = {"SecretId": name, "IncludeDeprecated": True}
    found = []
    while True:
        answer = manager.ask("list_secret_version_ids", uri, **arguments)
        found += answer["Versions"]
        if not answer.get("NextToken"):
            return found
        arguments["NextToken"] = answer["NextToken"]


def _number(version: Json) -> int:
    ours = version["VersionId"].removeprefix("strongroom-")
    if ours != version["VersionId"] and ours.isdecimal():
        return int(ours)
    return number_of(version.get("VersionStages") or ()) or int(version["CreatedDate"].timestamp())


def _found(name: Name, secret: Json, versions: Sequence[Json]) -> _Found:
    kept = {_number(each): each for each in versions if each.get("VersionStages")}
    stages = {
        stage: number
        for stage, label in STAGES.items()
        for number, each in kept.items()
        if label in each["VersionStages"]
    }
    if Stage.CURRENT not in stages:
        raise SecretNotFound(name, ("it has no value yet",), f"Give it one: strongroom secret update {name} FILE")
    created = _utc(secret["CreatedDate"])
    return _Found(
        Secret(
            identity(secret["ARN"], name), name, created, max(created, _utc(secret.get("LastChangedDate") or created)),
            {tag["Key"]: tag["Value"] for tag in secret.get("Tags") or () if not tag["Key"].startswith("aws:")},
            tuple(Version(number, _utc(kept[number]["CreatedDate"])) for number in sorted(kept)), stages,
        ),
        {number: each["VersionId"] for number, each in kept.items()},
        max(_number(each) for each in versions),
    )  # fmt: skip


def _value(value: Value, name: str) -> Json:
    if len(value) > MAX_BYTES:
        raise InvalidValue(f"'{name}' has {len(value):,} bytes: AWS Secrets Manager takes at most {MAX_BYTES:,}.")
    data = value.reveal()
    try:
        return {"SecretString": data.decode()}
    except UnicodeDecodeError:
        return {"SecretBinary": data}


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
