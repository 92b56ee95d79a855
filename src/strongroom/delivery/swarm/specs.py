"""Services' specs, read and written whole: what is not changed on purpose stays, known to us or not."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence

from ...docker.engine import Engine, Json
from ...errors import EngineError
from .secrets import NAMESPACE, Managed, references


def of_stack(engine: Engine, stack: str) -> list[Json]:
    """Return the services of a stack."""
    return list(engine.get("/services", filters={"label": [f"{NAMESPACE}={stack}"]}))


def repoint(spec: Json, changes: Mapping[str, Managed]) -> Json:
    """Return a spec in which references to some Swarm secrets (by id) lead to others.

    Target, uid, gid, mode and all else stay as they are.
    """
    changed = copy.deepcopy(spec)
    for reference in references(changed["TaskTemplate"]):
        if managed := changes.get(reference["SecretID"]):
            reference["SecretID"], reference["SecretName"] = managed.id, managed.name
    return changed


def update(engine: Engine, service: Json, spec: Json) -> Json:
    """Give a service a spec, and return the service as it is then.

    Raises:
        EngineError: somebody changed it since ``service`` was read, or the Engine refuses.
    """
    engine.post(f"/services/{service['ID']}/update", spec, version=service["Version"]["Index"])
    updated = engine.get(f"/services/{service['ID']}")
    assert isinstance(updated, dict)  # noqa: S101 - for the type checker
    return updated


def restore(engine: Engine, stack: str, before: Sequence[Json]) -> list[Json]:
    """Make a stack's services those that they were, and return them: new ones go, pruned ones come back."""
    former = {each["Spec"]["Name"]: each for each in before}
    present = {each["Spec"]["Name"]: each for each in of_stack(engine, stack)}
    for name, service in present.items():
        if name not in former:
            _delete(engine, service["ID"])
    restored = []
    for name, service in former.items():
        if name not in present:
            created = engine.post("/services/create", service["Spec"])
            restored.append(engine.get(f"/services/{created['ID']}"))
        elif present[name]["Spec"] == service["Spec"]:
            restored.append(present[name])
        else:
            restored.append(update(engine, present[name], service["Spec"]))
    return restored


def forget(engine: Engine, stack: str, made: Collection[str]) -> None:
    """Make ``docker service rollback`` lead nowhere where it would lead back to one of these Swarm secrets.

    swarmkit (manager/controlapi/service.go) keeps the spec before at each update, even one that changes nothing.
    """
    for service in of_stack(engine, stack):
        before = service.get("PreviousSpec") or {}
        if any(reference["SecretID"] in made for reference in references(before.get("TaskTemplate") or {})):
            update(engine, service, service["Spec"])


def _delete(engine: Engine, identity: str) -> None:
    try:
        engine.delete(f"/services/{identity}")
    except EngineError as error:
        if error.status != 404:
            raise
