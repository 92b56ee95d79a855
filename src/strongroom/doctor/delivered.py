"""Judgements on what was delivered: an old version, files that a reboot took, grants that nobody deployed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ..delivery.declared import Kind as SourceKind
from .commands import run, update_service
from .model import Fault, Finding, Held, Kind, Known, Subject, absolute


def judge(subject: Subject, known: Sequence[Known], in_swarm: Collection[str] = ()) -> Iterator[Finding]:
    """Yield what a subject has otherwise than a delivery would give it now.

    ``in_swarm`` names the secrets of which the swarm has a version.
    """
    for held in subject.held:
        yield from _lost(subject, held)
        yield from _stale(subject, held)
    if subject.kind in (Kind.CONTAINER, Kind.SWARM):
        yield from _undeployed(subject, known, in_swarm)


def judge_tasks(subject: Subject, found: Collection[Finding]) -> Iterator[Finding]:
    """Yield that a Swarm service has no task, unless something else was found that tells why."""
    if subject.kind is not Kind.SWARM or any(each.where == subject.label for each in found):
        return
    if subject.replicas == 0:
        seen = "the service is scaled to 0 tasks"
        yield Finding(Fault.NO_TASK, subject.label, "", seen, f"docker service scale {subject.name}=1")
    elif subject.problem:
        seen = f"none of its tasks runs; the last one: {subject.problem}"
        yield Finding(Fault.NO_TASK, subject.label, "", seen, f"docker service update --force {subject.name}")


def _lost(subject: Subject, held: Held) -> Iterator[Finding]:
    if held.lost:
        seen = f"the file that is mounted as {held.target} was in memory and is gone, as after a reboot"
        yield Finding(Fault.STAGING_LOST, subject.label, held.secret, seen, "strongroom compose start")


def _stale(subject: Subject, held: Held) -> Iterator[Finding]:
    if held.version is not None and held.current is not None and held.version != held.current:
        seen = f"it has version {held.version} as {held.target}, and {held.current} is current"
    elif held.fresh is False:
        seen = f"{held.target} has another content than the secret by now"
    else:
        return
    deploy = subject.deploy
    if subject.kind is Kind.PROCESS:
        deploy = run(subject, list(subject.held))
    elif subject.kind is Kind.SWARM and not deploy:
        deploy = update_service(subject, held, held)
    yield Finding(Fault.STALE_VERSION, subject.label, held.secret, seen, deploy)


def _undeployed(subject: Subject, known: Sequence[Known], in_swarm: Collection[str]) -> Iterator[Finding]:
    names = {each.key: each for each in known}
    targets = {each.target for each in subject.held}
    for grant in subject.grants:
        secret = names.get(grant.source)
        if absolute(grant.target) in targets or secret is None or secret.source is None:
            continue
        if secret.source.kind is SourceKind.MISSING:
            continue  # which is said of the secret itself
        seen = f"the Compose file grants it as {absolute(grant.target)}, and the {subject.kind} does not have it"
        if subject.kind is Kind.SWARM and secret.name not in in_swarm and secret.source.kind is SourceKind.STORE:
            seen += "; nor does the swarm have a version of the secret"
            yield Finding(Fault.NOT_IN_SWARM, subject.label, secret.name, seen, subject.deploy)
        else:
            yield Finding(Fault.NOT_DEPLOYED, subject.label, secret.name, seen, subject.deploy)
