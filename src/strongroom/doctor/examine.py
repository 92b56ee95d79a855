"""The whole examination: of the project here, or of what somebody names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..compose import FILE_NAMES
from ..delivery.files import variable as file_variable
from ..docker.engine import Engine, Json
from ..errors import DeclarationError, EngineError
from ..stores.base import Store
from . import access, containers, delivered, machine, machinery, processes, project, services, sources
from .machine import Machine
from .model import Finding, Known, Subject
from .project import Project

_SWARM_SERVICE = "com.docker.swarm.service.name"


class Examined(NamedTuple):
    """What was found, and how much was looked at; ``engine`` tells whether an Engine answered."""

    findings: list[Finding]
    secrets: int
    subjects: int
    engine: bool


def examine(store: Store | None, name: str | None, files: Sequence[str], pid: int | None) -> Examined:
    """Look at the project, or at a service, container or process, and return what is wrong.

    Raises:
        DeclarationError: there is nothing called ``name``, or no project here.
        DeliveryError: the process cannot be looked at.
    """
    here = machine.look()
    manager = here.engine if here.manager else None
    in_swarm = sorted(services.in_swarm(manager, store)) if manager else []
    found = project.gather(files, store, in_swarm, with_compose=here.compose >= (2,))
    if pid is not None:
        subjects = [_process(found, store, pid, name)]
    else:
        subjects = list(_subjects(here, found, store, name))
        project.read_values(found, store, _comparable(found.known, subjects))
    findings = list(found.findings)
    if name is None and pid is None and found.path is None:
        raise DeclarationError(
            f"there is no {FILE_NAMES[0]} here or above. Go to the project, or name a Swarm service, a container or a "
            "process (--pid)."
        )
    if name is not None and not subjects:
        findings += _nothing_called(name, here, found)
    if pid is None:
        findings += machinery.judge(here, found.document, wants_compose=bool(found.services))
    relevant = _relevant(found.known, subjects, everything=name is None and pid is None)
    findings += sources.judge(relevant, store.place if store else None)
    for subject in subjects:
        mine = [*access.judge(subject, found.known), *delivered.judge(subject, found.known, in_swarm)]
        findings += [*mine, *delivered.judge_tasks(subject, mine)]
    if manager:
        findings += machinery.judge_drivers(machine.without_driver(manager, subjects, here.node))
    return Examined(_once(findings), len(relevant), len(subjects), here.engine is not None)


def _subjects(here: Machine, found: Project, store: Store | None, name: str | None) -> Iterator[Subject]:
    """Yield what runs of the project, or what is called ``name``, and then services of the file that run nowhere."""
    engine, manager = here.engine, here.engine if here.manager else None
    of_compose = containers.find(engine, found.name) if engine and found.services else []
    of_swarm = services.of_project(manager, found, store) if manager and found.services else []
    deploy = found.compose_up if of_compose else ""
    if name is not None:
        of_compose = [each for each in of_compose if containers.service_of(each) == name]
        of_swarm = [each for each in of_swarm if name in (each["Spec"]["Name"], services.names(each)[1])]
        if manager and not of_compose and not of_swarm:
            of_swarm = _get(manager, f"/services/{name}")
        if engine and not of_compose and not of_swarm:
            of_compose = _get(engine, f"/containers/{name}/json")
            of_compose, of_swarm = _sorted(of_compose, manager, found)
    if engine:
        yield from containers.gather(engine, found, of_compose)
    if manager:
        yield from services.gather(manager, found, of_swarm, store, named=name is not None)
    running = {containers.service_of(each) for each in of_compose} | {services.names(each)[1] for each in of_swarm}
    for service in found.services:
        if service not in running and name in (None, service):
            yield found.declared_only(service, deploy)


def _sorted(named: list[Json], manager: Engine | None, found: Project) -> tuple[list[Json], list[Json]]:
    """Return a container that was named as one of the project here, or as its Swarm service.

    Raises:
        DeclarationError: it is of another project, or of none.
    """
    for each in named:
        labels, name = each["Config"].get("Labels") or {}, each["Name"].removeprefix("/")
        if service := labels.get(_SWARM_SERVICE):
            return [], _get(manager, f"/services/{service}") if manager else []
        project, directory = labels.get(containers.PROJECT), labels.get(containers.DIRECTORY)
        if project is None:
            raise DeclarationError(f"container {name} is of no Compose project, and of no Swarm service.")
        if project != found.name:
            raise DeclarationError(f"container {name} is of the Compose project {project}. Go there: cd {directory}")
    return named, []


def _get(engine: Engine, path: str) -> list[Json]:
    try:
        return [engine.get(path)]
    except EngineError as error:
        if error.status in (400, 404):  # a name that cannot be one is refused, and not looked for
            return []
        raise


def _process(found: Project, store: Store | None, pid: int, service: str | None) -> Subject:
    if service is not None and service not in found.services:
        known = ", ".join(sorted(found.services)) or "none"
        raise DeclarationError(f"the Compose file has no service '{service}' (its services: {known}).")
    grants = found.services[service].grants if service else ()
    process = processes.look(pid, [each.target for each in grants if each.target.startswith("/")])
    project.read_values(found, store, process.names())
    return processes.gather(found, process, service)


def _comparable(known: Sequence[Known], subjects: Sequence[Subject]) -> list[str]:
    """Return the names of secrets that a variable of what is looked at is called like."""
    names = {f"{variable}_FILE" for subject in subjects for variable in subject.variables}
    return [each.name for each in known if file_variable(each.name) in names]


def _nothing_called(name: str, here: Machine, found: Project) -> list[Finding]:
    """Return why nothing of that name is seen here.

    Raises:
        DeclarationError: there is no such reason: the name is wrong.
    """
    if finding := machinery.not_a_manager(here, name):
        return [finding]
    if found.findings or here.engine is None or here.swarm == "locked":
        return []
    known = ", ".join(sorted(found.services))
    raise DeclarationError(
        f"there is no container and no Swarm service '{name}' here"
        f"{f', nor a service of that name in {found.path} (its services: {known})' if known else ''}."
    )


def _relevant(known: Sequence[Known], subjects: Sequence[Subject], everything: bool) -> list[Known]:
    """Return the secrets that what is looked at is granted."""
    keys = {grant.source for subject in subjects for grant in subject.grants}
    return [each for each in known if each.source and (everything or each.key in keys)]


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings without those that another container of the same service has too."""
    kept: dict[tuple[str, ...], Finding] = {}
    for each in findings:
        kept.setdefault((each.fault, each.where, each.secret, each.command), each)
    return list(kept.values())
