"""Deploying a stack: preflight, its secrets' versions as Swarm secrets, ``docker stack deploy``, and seeing it through.

What is done can be done again: each step looks at what is there, so that a deployment that was killed is finished by
the next one.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ... import compose
from ...compose import Project
from ...docker import cli, render
from ...docker.engine import Engine, Json, require_manager
from ...docker.services import Progress, State, Watcher
from ...errors import DeploymentFailed, EngineError
from ...model import Value
from ...stores import audited
from ...stores.audited import Event
from ...stores.base import Store
from .. import declared
from ..declared import Kind, Source
from . import secrets, specs
from .lock import exclusively
from .secrets import NAMESPACE, Managed

_TIMEOUT_SECONDS = 600.0
Report = Callable[[Sequence[Progress]], None]


@dataclass(frozen=True)
class Options:
    """How to deploy; ``flags`` go to ``docker stack deploy`` as they are."""

    flags: Sequence[str] = ()
    detach: bool = False
    rollback: bool = True
    timeout: float = _TIMEOUT_SECONDS


@dataclass
class Outcome:
    """What a deployment did."""

    created: list[Managed] = field(default_factory=list)
    pruned: list[Managed] = field(default_factory=list)
    unmanaged: list[str] = field(default_factory=list)
    services: Sequence[Progress] = ()
    warnings: str = ""


def deploy(files: Sequence[Path | None], stack: str, store: Store | None, options: Options, report: Report) -> Outcome:
    """Deploy a stack, and return when every service has converged (or at once, with ``options.detach``).

    Raises:
        SecretsMissing: a secret is nowhere; nothing was changed.
        DeploymentFailed: a service failed. Unless ``options.rollback`` is off, all is as it was before.
        EngineError: Docker refuses the stack, or went away.
    """
    document = render.stack(files)
    engine = Engine.connect()
    swarm = require_manager(engine)
    project = compose.parse(document, files[0] or Path("standard input"))
    sources = declared.locate(project.used, store, unmanaged=secrets.names(engine))
    declared.require(sources)
    outcome = Outcome(unmanaged=[each.secret.name for each in sources if each.kind is Kind.SWARM])
    with exclusively(f"{swarm['ID']}-{stack}", f"stack '{stack}'"):
        versions = _ensure(engine, stack, sources, store, outcome)
        deliveries = _deliveries(stack, project, sources)
        audited.record(store, deliveries)
        before = specs.of_stack(engine, stack)
        watcher = Watcher(engine)
        try:
            rendered = _with_versions(document, project, versions)
            outcome.warnings = _docker_stack_deploy(rendered, stack, options.flags)
            if options.detach:
                return outcome
            outcome.services = watcher.wait(specs.of_stack(engine, stack), report, options.timeout)
            _check(outcome.services)
        except (DeploymentFailed, EngineError) as error:
            audited.record(store, [each.failed(error) for each in deliveries])
            _put_back(engine, stack, before, outcome, options, report, error)
        keep = {managed.lineage: project.policy(project.secrets[key]).keep for key, managed in versions.items()}
        outcome.pruned = secrets.prune(engine, keep)
    return outcome


def remove(stacks: Sequence[str]) -> list[str]:
    """Remove stacks as ``docker stack rm`` does, and then the Swarm secrets of ours that only they held.

    Returns the names of the latter.

    Raises:
        EngineError: Docker refuses.
    """
    engine = Engine.connect()
    require_manager(engine)
    ours = secrets.find_managed(engine)
    held = {
        reference["SecretID"]
        for stack in stacks
        for service in specs.of_stack(engine, stack)
        for reference in secrets.references(service["Spec"]["TaskTemplate"])
    }
    status = cli.call(["stack", "rm", *stacks])
    if status != 0:
        raise EngineError("docker stack rm did not remove everything.")
    # A task that is still stopping has its files already.
    still = secrets.in_specs(engine)
    lineages = {each.lineage for each in ours if each.id in held} - {each.lineage for each in ours if each.id in still}
    gone = secrets.remove(engine, [each.id for each in ours if each.lineage in lineages])
    return [each.name for each in ours if each.id in gone]


def _ensure(
    engine: Engine, stack: str, sources: Sequence[Source], store: Store | None, outcome: Outcome
) -> dict[str, Managed]:
    """Make sure that each version that is needed is in the swarm: all of them, or none that was not there before."""
    existing = secrets.find_managed(engine)
    versions: dict[str, Managed] = {}
    absent = []
    for source in sources:
        if source.stored is not None:
            lineage = secrets.of_store(source.stored)
            found = [each for each in existing if each.lineage == lineage and each.version == source.version]
            if found:
                versions[source.secret.key] = found[0]
            else:
                absent.append(source)
        elif source.kind in (Kind.FILE, Kind.ENVIRONMENT, Kind.REFERENCE):
            absent.append(source)
    try:
        for source, value in zip(absent, declared.values(absent, store), strict=True):
            versions[source.secret.key] = _ensure_one(engine, stack, source, value, existing, store, outcome)
    except BaseException:
        secrets.remove(engine, [each.id for each in outcome.created])
        raise
    return versions


def _ensure_one(
    engine: Engine, stack: str, source: Source, value: Value, existing: Sequence[Managed], store: Store | None,
    outcome: Outcome,
) -> Managed:  # fmt: skip
    digest, labels = "", dict(source.secret.labels)
    if source.stored is not None:
        lineage, version = secrets.of_store(source.stored), source.version or 0
        if isinstance(store, secrets.Digests):
            digest = store.digest(source.stored.name, value)
    else:
        name = source.secret.name if source.secret.named else f"{stack}_{source.secret.key}"
        lineage = secrets.of_stack(stack, name)
        labels[NAMESPACE] = stack  # so that 'docker stack rm' removes it
        last = [each for each in existing if each.lineage == lineage][-1:]
        if last and secrets.has_content(engine, last[0], value):
            return last[0]
        version = last[0].version + 1 if last else 1
    made = secrets.create(engine, lineage, version, value, labels, digest, source.secret.template_driver)
    outcome.created.append(made)
    return made


def _deliveries(stack: str, project: Project, sources: Sequence[Source]) -> list[Event]:
    """Return which service gets what of the store's, for its audit."""
    found = {each.secret.key: each for each in sources}
    return [
        event
        for service in project.services.values()
        for grant in service.grants
        for event in found[grant.source].delivered(f"{stack}_{service.name}")
    ]


def _with_versions(document: Json, project: Project, versions: Mapping[str, Managed]) -> Json:
    """Return the stack with its secrets being those versions, and without those that no service uses."""
    deployed = {key: value for key, value in document.items() if not key.startswith("x-")}
    kept = {secret.key: copy.copy(document["secrets"][secret.key]) for secret in project.used}
    for key, managed in versions.items():
        kept[key] = {"external": True, "name": managed.name}
    if "secrets" in deployed:
        deployed["secrets"] = kept
    return deployed


def _docker_stack_deploy(document: Json, stack: str, flags: Sequence[str]) -> str:
    arguments = ["stack", "deploy", "--compose-file", "-", *flags, stack]
    return cli.run(arguments, f"stack '{stack}' cannot be deployed", given=json.dumps(document).encode())[1]


def _check(services: Sequence[Progress]) -> None:
    superseded = [each for each in services if each.state in (State.SUPERSEDED, State.REMOVED)]
    if superseded:
        raise DeploymentFailed(
            f"service {superseded[0].name} was changed by somebody else while it was deployed. Nothing was put back. "
            f"See: docker service inspect {superseded[0].name}, and deploy again"
        )
    failed = [each for each in services if each.state is State.FAILED]
    if failed:
        what = "; ".join(f"service {each.name} failed: {each.problem or 'its update stopped'}" for each in failed)
        raise DeploymentFailed(f"{what}.", rollback=True)


def _put_back(
    engine: Engine, stack: str, before: Sequence[Json], outcome: Outcome, options: Options, report: Report,
    error: DeploymentFailed | EngineError,
) -> NoReturn:  # fmt: skip
    """Put services and secrets back as they were before, and raise ``error`` with a word on what became of it."""
    if not options.rollback or (isinstance(error, DeploymentFailed) and not error.rollback) or _is_conflict(error):
        raise error
    try:
        watcher = Watcher(engine)
        ended = watcher.wait(specs.restore(engine, stack, before), report, options.timeout)
        failed = [each for each in ended if each.state is not State.CONVERGED]
        made = {each.id for each in outcome.created}
        specs.forget(engine, specs.of_stack(engine, stack), made)
        secrets.remove(engine, made - secrets.in_use(engine))
    except EngineError as another:
        raise DeploymentFailed(f"{error} Putting the stack back failed as well: {another} Deploy it again.") from None
    if failed:
        raise DeploymentFailed(f"{error} The services have their former specs again, but not all run: {failed[0]}.")
    word = "The stack is as it was before." if before else "What was deployed was removed again."
    raise DeploymentFailed(f"{error} {word}")


def _is_conflict(error: Exception) -> bool:
    return "out of sequence" in str(error)
