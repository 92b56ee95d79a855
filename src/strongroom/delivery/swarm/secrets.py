"""Versions as Swarm secrets. Which one belongs to what is told by labels and ids, never by its name.

A Swarm secret cannot be changed, so that each version is one of its own: ``NAME.vN``. What the store has is known by
its id and version. What comes from a file or a variable is counted per stack: the Engine itself compares its content
with the last version's, so that no digest of it has to lie anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ...docker.engine import Engine, Json
from ...errors import EngineError
from ...model import MAX_NAME_LENGTH, Name, Secret, Value

SECRET, VERSION, ID, STACK, DIGEST = (f"strongroom.{part}" for part in ("secret", "version", "id", "stack", "digest"))
NAMESPACE = "com.docker.stack.namespace"
_CONFLICT = 409
_LIVING = ("new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running")


@runtime_checkable
class Digests(Protocol):
    """A store that can make keyed digests."""

    def digest(self, name: Name, value: Value) -> str:
        """Return a digest that may be shown."""
        ...


class Lineage(NamedTuple):
    """The versions of one secret: by its id in a store, or by the stack that it belongs to."""

    owner: str
    secret: str


class Managed(NamedTuple):
    """A Swarm secret that strongroom made."""

    id: str
    name: str
    lineage: Lineage
    version: int


def find_managed(engine: Engine) -> list[Managed]:
    """Return all Swarm secrets that strongroom made, the oldest version of each first."""
    found = []
    for each in engine.get("/secrets", filters={"label": [SECRET]}):
        labels = each["Spec"].get("Labels") or {}
        owner, number = labels.get(ID) or labels.get(STACK), labels.get(VERSION, "")
        if owner and number.isdecimal():
            found.append(Managed(each["ID"], each["Spec"]["Name"], Lineage(owner, labels[SECRET]), int(number)))
    return sorted(found, key=lambda managed: managed.version)


def of_store(secret: Secret) -> Lineage:
    """Return the lineage of a secret of the store."""
    return Lineage(secret.id, secret.name)


def of_stack(stack: str, name: str) -> Lineage:
    """Return the lineage of a secret that a stack declares by a file or a variable."""
    return Lineage(f"stack/{stack}", name)


def create(
    engine: Engine, lineage: Lineage, version: int, value: Value, labels: Mapping[str, str], digest: str = "",
    template: str | None = None,
) -> Managed:  # fmt: skip
    """Create the Swarm secret of a version, or return the one that somebody made at the same time."""
    stack = lineage.owner.startswith("stack/")
    marks = {SECRET: lineage.secret, VERSION: str(version), STACK if stack else ID: lineage.owner}
    if digest:
        marks[DIGEST] = digest
    spec: Json = {"Labels": {**labels, **marks}, "Data": base64.b64encode(value.reveal()).decode()}
    if template:
        spec["Templating"] = {"Name": template}
    # A name may be taken by another store's secret, or by one that is not ours at all.
    for name in (_fit(lineage.secret, f".v{version}"), _fit(lineage.secret, f".v{version}.{_short(lineage.owner)}")):
        try:
            created = engine.post("/secrets/create", {**spec, "Name": name})
        except EngineError as error:
            if error.status != _CONFLICT and "already exists" not in str(error):
                raise
            for each in find_managed(engine):
                if each.lineage == lineage and each.version == version:
                    return each
        else:
            return Managed(created["ID"], name, lineage, version)
    raise EngineError(
        f"the swarm has other secrets named {name} and {lineage.secret}.v{version}. Remove or rename one."
    )


def has_content(engine: Engine, managed: Managed, value: Value) -> bool:
    """Ask the Engine whether a Swarm secret has this content.

    swarmkit (manager/controlapi/secret.go) accepts an update with the same data, and refuses one with other data.
    """
    while True:
        present = engine.get(f"/secrets/{managed.id}")
        spec = {**present["Spec"], "Data": base64.b64encode(value.reveal()).decode()}
        try:
            engine.post(f"/secrets/{managed.id}/update", spec, version=present["Version"]["Index"])
        except EngineError as error:
            if "only updates to Labels" in str(error):
                return False
            if "out of sequence" not in str(error):
                raise
        else:
            return True


def remove(engine: Engine, identities: Iterable[str]) -> list[str]:
    """Remove Swarm secrets, but those that are in use or gone; return which were removed."""
    removed = []
    for identity in identities:
        try:
            engine.delete(f"/secrets/{identity}")
        except EngineError as error:
            if not error.status:
                raise
        else:
            removed.append(identity)
    return removed


def in_specs(engine: Engine) -> set[str]:
    """Return the ids of all Swarm secrets that a service's spec, or its spec before (for a rollback), holds."""
    held: set[str] = set()
    for service in engine.get("/services"):
        for spec in (service["Spec"], service.get("PreviousSpec") or {}):
            held |= {reference["SecretID"] for reference in references(spec.get("TaskTemplate") or {})}
    return held


def in_use(engine: Engine) -> set[str]:
    """Return the ids of all Swarm secrets that a service's spec, its spec before, or a living task holds."""
    held = in_specs(engine)
    for task in engine.get("/tasks"):
        if task["Status"]["State"] in _LIVING:
            held |= {reference["SecretID"] for reference in references(task["Spec"])}
    return held


def prune(engine: Engine, keep: Mapping[Lineage, int]) -> list[Managed]:
    """Remove the versions of each lineage past the newest ``keep`` that nothing holds; return them."""
    managed = find_managed(engine)
    old: list[Managed] = []
    for lineage, count in keep.items():
        old += [each for each in managed if each.lineage == lineage][:-count]
    if not old:
        return []
    held = in_use(engine)
    removed = remove(engine, [each.id for each in old if each.id not in held])
    return [each for each in old if each.id in removed]


def references(template: Json) -> Sequence[Json]:
    """Return a task template's references to Swarm secrets."""
    return (template.get("ContainerSpec") or {}).get("Secrets") or []


def names(engine: Engine) -> Collection[str]:
    """Return the names of all Swarm secrets."""
    return {each["Spec"]["Name"] for each in engine.get("/secrets")}


def _fit(name: str, suffix: str) -> str:
    """Return a name with a suffix that Docker takes: the middle of a long one is replaced by a hash of the name."""
    if len(name) + len(suffix) > MAX_NAME_LENGTH:
        name = f"{name[: MAX_NAME_LENGTH - len(suffix) - 9]}-{_short(name)}"
    return name + suffix


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
