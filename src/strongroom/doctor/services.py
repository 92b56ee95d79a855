"""Facts of Swarm services: what their specs say, what their tasks say, and what this node's containers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..delivery.swarm import secrets, status
from ..delivery.swarm.secrets import NAMESPACE
from ..docker.engine import Engine, Json
from ..docker.services import is_current
from ..stores.base import Store
from . import seen
from .model import Held, Kind, Subject, User, absolute
from .project import Project

_SERVICE_NAME, _TASK = "com.docker.swarm.service.name", "com.docker.swarm.task.id"
_FAILED = ("failed", "rejected", "orphaned")


def of_project(engine: Engine, project: Project, store: Store | None) -> list[Json]:
    """Return the services that this project was deployed as: by their stack's name, or by secrets of this store."""
    ours = {each.id for each in store.list()} if store else set()
    managed = {each.id for each in secrets.find_managed(engine) if each.lineage.owner in ours}
    found = []
    for service in engine.get("/services"):
        stack, name = names(service)
        if stack and name in project.services:
            held = {each["SecretID"] for each in secrets.references(service["Spec"]["TaskTemplate"])}
            if stack == project.name or held & managed:
                found.append(service)
    return sorted(found, key=lambda each: str(each["Spec"]["Name"]))


def names(service: Json) -> tuple[str, str]:
    """Return a service's stack, and its name in the stack's file; both are empty where there is no stack."""
    stack = (service["Spec"].get("Labels") or {}).get(NAMESPACE, "")
    return stack, service["Spec"]["Name"].removeprefix(f"{stack}_") if stack else ""


def gather(
    engine: Engine, project: Project, services: Sequence[Json], store: Store | None, named: bool
) -> list[Subject]:
    """Return services as subjects. ``named``: somebody asked for them, so that none is meant to have no task."""
    rows = status.look(engine, store) if services else []
    drivers = {
        each["ID"]: each["Spec"]["Driver"]["Name"] for each in engine.get("/secrets") if each["Spec"].get("Driver")
    }
    return [_subject(engine, project, each, rows, drivers, named) for each in services]


def in_swarm(engine: Engine, store: Store | None) -> set[str]:
    """Return the names of secrets of which the swarm has a version, or one of its own."""
    ours = {each.id for each in store.list()} if store else set()
    found = {each.lineage.secret for each in secrets.find_managed(engine) if each.lineage.owner in ours}
    return found | set(secrets.names(engine))


def _subject(
    engine: Engine, project: Project, service: Json, rows: Sequence[status.Row], drivers: Mapping[str, str],
    named: bool,
) -> Subject:  # fmt: skip
    spec = service["Spec"]
    stack, short = names(service)
    template = spec["TaskTemplate"].get("ContainerSpec") or {}
    declared = project.services.get(short) if stack else None
    own = [row for row in rows if row.service == spec["Name"]]  # one a reference, in the same order
    references = secrets.references(spec["TaskTemplate"])
    variables = seen.variables_of(template.get("Env"))
    tasks = [each for each in engine.get("/tasks", filters={"service": [service["ID"]]}) if _is_of(each, service)]
    container = _newest_container(engine, spec["Name"], tasks)
    problem = _problem(tasks)
    replicas = (spec["Mode"].get("Replicated") or {}).get("Replicas", 1)
    return Subject(
        spec["Name"],
        Kind.SWARM,
        declared,
        tuple(_held(reference, row) for reference, row in zip(references, own, strict=False)),
        _users(engine, template, container),
        variables,
        project.origins.get(short, {}) if declared else {},
        seen.mentioned(engine, container) if container else frozenset(),
        seen.absent(engine, container, seen.paths_in(variables.items())) if container else frozenset(),
        project.stack_deploy(stack) if declared else "",
        project.grant_options(short) if declared else "",
        not problem,
        problem,
        replicas if named else None,
        frozenset(drivers[each["SecretID"]] for each in references if each["SecretID"] in drivers),
    )


def _held(reference: Json, row: status.Row) -> Held:
    file = reference["File"]
    return Held(
        row.secret, absolute(file["Name"]), int(file["UID"]), int(file["GID"]), int(file["Mode"]) & 0o777,
        row.declared, row.current, swarm_name=reference["SecretName"],
    )  # fmt: skip


def _users(engine: Engine, template: Json, container: Json | None) -> tuple[User, ...]:
    if container is not None and container["State"].get("Pid"):
        return seen.users_of_container(engine, container)
    groups, dropped = template.get("Groups") or [], seen.drops_power(template.get("CapabilityDrop"))
    image = template["Image"].partition("@")[0]
    return seen.configured(engine, image, template.get("User") or None, groups, dropped)


def _newest_container(engine: Engine, name: str, tasks: Sequence[Json]) -> Json | None:
    """Return the newest container of these tasks on this Engine's node."""
    ours = {each["ID"] for each in tasks}
    found = engine.get("/containers/json", all=1, filters={"label": [f"{_SERVICE_NAME}={name}"]})
    found = [each for each in found if each["Labels"].get(_TASK) in ours]
    return seen.inspect(engine, max(found, key=lambda each: int(each["Created"]))["Id"]) if found else None


def _problem(tasks: Sequence[Json]) -> str:
    """Return the last error of tasks, if none of them runs and one failed."""
    if any(each["DesiredState"] == each["Status"]["State"] == "running" for each in tasks):
        return ""
    failed = [each["Status"] for each in tasks if each["Status"]["State"] in _FAILED]
    if not failed:
        return ""
    last = max(failed, key=lambda status: str(status["Timestamp"]))
    return str(last.get("Err") or last.get("Message") or last["State"])


def _is_of(task: Json, service: Json) -> bool:
    """Tell whether a task was made from a service's present spec, whatever Swarm wants of it by now."""
    return is_current({**task, "DesiredState": "running"}, service["Spec"])
