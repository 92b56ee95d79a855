"""Secrets of a Key Vault as a project's store. One change is one request; of two at once the last one wins."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ...errors import AccessDenied, InvalidName, InvalidValue, SecretExists, SecretNotFound, StoreUnsupported
from ...model import Name, Secret, Stage, Value, Version, check_labels, move_stage
from .. import base
from ..base import Capability
from ..managers import Content
from ..retry import all_or_error, side_by_side
from ..single import identity, valid_names
from ..stages import Kept
from .client import BINARY, Manager
from .versions import NAME, NUMBER, OURS, STAGES, Found, created, numbered

MAX_BYTES = 25_600
_ID = re.compile(r"[0-9a-zA-Z-]{1,127}")
_POLL_SECONDS = 0.5
_DELETE_SECONDS = 60.0


class AzureStore:
    """A vault's secrets, or those with a prefix."""

    capabilities = frozenset(Capability) - {Capability.DESTROY}

    def __init__(self, manager: Manager, vault: str, prefix: str) -> None:
        """Keep secrets called ``prefix``-name."""
        self._manager = manager
        self._vault = vault
        self._prefix = prefix and f"{prefix}-"
        self.place = f"azure://{vault}/{prefix}".rstrip("/")

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Create a secret."""
        checked = _check(labels or {})
        found = self._versions(name)
        if found.versions:
            other = (found.versions[found.newest].tags or {}).get(NAME, name)
            if other != name:
                raise SecretExists(f"{self.place} has '{other}', whose name is the same to Azure as '{name}'.")
            raise base.exists(self, name)
        self._set(name, value, {**checked, NAME: name, NUMBER: "1", STAGES: str(Kept({Stage.CURRENT: 1}, 1))})
        return self.inspect(name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Add a version. Its tags say at once which version is current."""
        found = self._find(name)
        number = found.newest + 1
        stages = str(Kept(move_stage(found.stages, stage, number), number))
        self._set(name, value, {**found.labels, NAME: name, NUMBER: str(number), STAGES: stages})
        return number

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return a value."""
        try:
            return self._read(name, version).whole()
        except SecretNotFound:
            raise base.version_not_found(self, name, version, sorted(self._find(name).versions)) from None

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values, read side by side."""
        return all_or_error(side_by_side(lambda each: self.read(*each), wanted, self._manager.at_once))

    def inspect(self, name: Name) -> Secret:
        """Return what there is to know."""
        return self._secret(name, self._find(name))

    def list(self) -> Sequence[Secret]:
        """Return all secrets with the prefix whose names follow Docker's rule."""
        listed = self._manager.ask(self._vault, self.place, lambda client: list(client.list_properties_of_secrets()))
        found = [each for each in listed if each.name.lower().startswith(self._prefix.lower())]
        names = valid_names((each.tags or {}).get(NAME) or each.name[len(self._prefix) :] for each in found)
        return all_or_error(side_by_side(self.inspect, sorted(names), self._manager.at_once))

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Point a stage at a version, or take it away, by a tag of the newest version."""
        found = self._find(name)
        if version is None and stage is Stage.CURRENT:
            raise base.current_stays(name)
        if version is not None and version not in found.versions:
            raise base.version_not_found(self, name, version, sorted(found.versions))
        stages = str(Kept(move_stage(found.stages, stage, version), found.newest))
        self._tag(name, found, {**found.labels, STAGES: stages})

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Replace the labels, which are tags of the newest version."""
        checked = _check(labels)
        found = self._find(name)
        self._tag(name, found, {**checked, STAGES: str(Kept(found.stages, found.newest))})

    def destroy(self, name: Name, version: int) -> None:
        """Refuse: Azure cannot."""
        found = self._find(name)
        if version not in found.versions:
            raise base.version_not_found(self, name, version, sorted(found.versions))
        raise StoreUnsupported(f"Azure destroys no single version: '{name}' can only be removed as a whole.")

    def remove(self, name: Name) -> None:
        """Delete a secret, and purge it where the vault and our roles allow: else Azure keeps its name for a while."""
        self._find(name)
        azure = self._id(name)

        def delete(client: Any) -> None:  # noqa: ANN401
            client.begin_delete_secret(azure, _polling_interval=_POLL_SECONDS).wait(_DELETE_SECONDS)

        with suppress(SecretNotFound):  # it was there: an answer was lost
            self._ask(name, delete)
        with suppress(SecretNotFound, AccessDenied):
            self._ask(name, lambda client: client.purge_deleted_secret(azure))

    def close(self) -> None:
        """Close connections."""
        self._manager.close()

    def _id(self, name: Name) -> str:
        found = self._prefix + re.sub(r"[_.]", "-", name)
        if not _ID.fullmatch(found):
            raise InvalidName(f"Azure takes no secret called '{found}': letters, digits and '-' only.")
        return found

    def _ask(self, name: Name, call: Any, *, repeatable: bool = True) -> Any:  # noqa: ANN401
        return self._manager.ask(self._vault, f"{self.place}/{name}", call, repeatable=repeatable)

    def _read(self, name: Name, version: int | Stage) -> Content:
        return self._manager.read(self._vault, self._id(name), version, f"{self.place}/{name}")

    def _set(self, name: Name, value: Value, tags: Mapping[str, str]) -> None:
        azure, (text, kind) = self._id(name), _text(value, name)
        self._ask(
            name, lambda client: client.set_secret(azure, text, tags=tags, content_type=kind), repeatable=False
        )  # fmt: skip

    def _tag(self, name: Name, found: Found, tags: Mapping[str, str]) -> None:
        newest = found.versions[found.newest]
        kept = {key: text for key, text in (newest.tags or {}).items() if key in (NAME, NUMBER)}
        whole = {**kept, NAME: name, NUMBER: str(found.newest), **tags}
        self._ask(name, lambda client: client.update_secret_properties(self._id(name), newest.version, tags=whole))

    def _versions(self, name: Name) -> Found:
        try:
            return numbered(self._manager.versions(self._vault, self._id(name), f"{self.place}/{name}"))
        except SecretNotFound:
            return Found({}, {})

    def _find(self, name: Name) -> Found:
        found = self._versions(name)
        if not found.versions:
            raise base.not_found(self, name)
        return found

    def _secret(self, name: Name, found: Found) -> Secret:
        times = [created(each) for each in found.versions.values()]
        changed = [each.updated_on.astimezone(UTC) for each in found.versions.values() if each.updated_on]
        versions = tuple(Version(number, created(each)) for number, each in sorted(found.versions.items()))
        first: datetime = min(times)
        return Secret(
            identity(self.place, name, first), name, first, max(times + changed), found.labels, versions, found.stages
        )


def _check(labels: Mapping[str, str]) -> dict[str, str]:
    checked = check_labels(labels)
    if taken := set(OURS) & set(checked):
        raise InvalidName(f"'{min(taken)}' is how the store keeps its versions: choose another key for the label.")
    return checked


def _text(value: Value, name: str) -> tuple[str, str | None]:
    """Return a value as Azure keeps it, which is text, and the content type that says how."""
    data, kind = value.reveal(), None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text, kind = base64.b64encode(data).decode(), BINARY
    if len(text.encode()) > MAX_BYTES:
        raise InvalidValue(f"'{name}' has {len(data):,} bytes: Azure Key Vault takes at most {MAX_BYTES:,}, as text.")
    return text, kind
