"""Services' specs, read and written whole: what is not changed on purpose stays, known to us or not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Sequence

from ...docker.engine import Engine, Json
from ...errors import EngineError
from .secrets import NAMESPACE, Managed, references


def of_stack(engine: Engine, stack: str) -> list[Json]:
    """Return the services of a stack."""
    return list(engine.get("/services", filters={"label": [f"{NAMESPACE}={stack}"]}))


def repoint(spec: Json, choose: Callable[[Json], Managed | None]) -> Json:
    """Return a spec in which each reference leads to the Swarm secret that ``choose`` returns, or else stays.

    Target, uid, gid, mode and all else stay as they are.
    """
    changed = copy.deepcopy(spec)
    for reference in references(changed["TaskTemplate"]):
        if managed := choose(reference):
            reference["SecretID"], reference["SecretName"] = managed.id, managed.name
    return changed


def change(engine: Engine, identity: str, edit: Callable[[Json], Json]) -> Json | None:
    """Change a service's spec by ``edit``, again if somebody else changed it meanwhile; return the service then.

    One that is as it shall be is left alone, unless its update paused: it would never go on. None if it was removed.
    """
    while True:
        try:
            service: Json = engine.get(f"/services/{identity}")
            spec = edit(service["Spec"])
            paused = (service.get("UpdateStatus") or {}).get("State") == "paused"
            return service if spec == service["Spec"] and not paused else update(engine, service, spec)
        except EngineError as error:
            if error.status == 404:
                return None
            if "out of sequence" not in str(error):
                raise


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


def forget(engine: Engine, services: Iterable[Json], made: Collection[str]) -> None:
    """Make ``docker service rollback`` lead nowhere where it would lead back to one of these Swarm secrets.

    swarmkit (manager/controlapi/service.go) keeps the spec before at each update, even one that changes nothing.
    """
    for service in services:
        before = service.get("PreviousSpec") or {}
        if any(reference["SecretID"] in made for reference in references(before.get("TaskTemplate") or {})):
            _again(engine, service["ID"])


def _again(engine: Engine, identity: str) -> None:
    while True:
        try:
            service = engine.get(f"/services/{identity}")
            update(engine, service, service["Spec"])
        except EngineError as error:
            if error.status == 404:
                return
            if "out of sequence" not in str(error):
                raise
        else:
            return


def _delete(engine: Engine, identity: str) -> None:
    try:
        engine.delete(f"/services/{identity}")
    except EngineError as error:
        if error.status != 404:
            raise
