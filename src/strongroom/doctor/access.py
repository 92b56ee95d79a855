"""Judgements on who may read what: what an application looks for, what it is granted, and whom it runs as."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from hmac import compare_digest
from typing import NamedTuple

from ..compose import ServiceGrant
from ..delivery.files import variable as file_variable
from ..model import Value
from .commands import both, grant
from .model import Fault, Finding, Held, Kind, Known, Subject, User, absolute

_DIRECTORY = "/run/secrets/"
_SECRETIVE = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|CERT|PWD|AUTH")


class _Wish(NamedTuple):
    """A path that an application reads, and where that was seen; ``variable`` is without ``_FILE``."""

    path: str
    how: str
    variable: str = ""


def judge(subject: Subject, known: Sequence[Known]) -> Iterator[Finding]:
    """Yield what keeps a subject from its secrets, and where a value is beside its file."""
    for held in subject.held:
        yield from _hidden(subject, held)
        yield from _unreadable(subject, held, known)
    for wish in _wishes(subject):
        yield from _unfulfilled(subject, wish, known)
    yield from _plain_variables(subject, known)


def _hidden(subject: Subject, held: Held) -> Iterator[Finding]:
    if held.hidden_by:
        seen = f"{held.target} lies in the container's own layer, and {held.hidden_by} is mounted over it"
        yield Finding(Fault.HIDDEN, subject.label, held.secret, seen, subject.deploy)


def _unreadable(subject: Subject, held: Held, known: Sequence[Known]) -> Iterator[Finding]:
    if held.directory:
        seen = f"{held.target} is a directory: {held.path} was missing when it was mounted, and Docker made one"
        path, service = shlex.quote(held.path), subject.service.name if subject.service else ""
        command = both(
            f"rmdir {path}",
            f"(umask 022 && head -c 24 /dev/urandom | base64 -w 0 > {path})",
            f"{subject.deploy} --force-recreate {service}",
        )
        yield Finding(Fault.FILE_IS_DIRECTORY, subject.label, held.secret, seen, command)
        return
    readers = [user for user in subject.users if user.may_read(held.uid, held.gid, held.mode)]
    asked = next((each for each in subject.grants if absolute(each.target) == held.target), None)
    ignored = asked is not None and not _is_as(held, asked)
    file = f"{held.target} is {held.uid}:{held.gid} {held.mode:04o}"
    if ignored and not held.staged and subject.kind is Kind.CONTAINER and asked:
        seen = (
            f"{file}, and the Compose file says {asked.uid}:{asked.gid} {asked.mode:04o}, which docker compose ignores"
        )
        yield Finding(Fault.PLAIN_COMPOSE, subject.label, held.secret, seen, subject.deploy)
        return
    if readers or not subject.users:
        return
    user = subject.users[0]
    seen = f"{user.how} {_who(user)}, and {file}"
    if ignored and asked and user.may_read(asked.uid, asked.gid, asked.mode):
        seen += f"; the Compose file says {asked.uid}:{asked.gid} {asked.mode:04o} by now"
        yield Finding(Fault.NOT_DEPLOYED, subject.label, held.secret, seen, subject.deploy)
        return
    uid = user.identity.uid if user.identity.uid != held.uid else None
    mode = None if held.mode & 0o400 else held.mode & 0o377 | 0o400
    command = grant(subject, _key(held, known, asked), held.secret, held, uid=uid, mode=mode)
    if asked is None and held.path:  # a volume, of which the file's secrets say nothing
        command = f"sudo chown {user.identity.uid} {shlex.quote(held.path)}"
    yield Finding(Fault.UNREADABLE, subject.label, held.secret, seen, command)


def _who(user: User) -> str:
    groups = sorted(user.identity.groups - {user.identity.gid})
    more = f" with the groups {', '.join(map(str, groups))}" if groups else ""
    less = ", without the right to read what is others'" if user.identity.uid == 0 else ""
    return f"{user.identity.uid}:{user.identity.gid}{more}{less}"


def _is_as(held: Held, asked: ServiceGrant) -> bool:
    return (held.uid, held.gid, held.mode) == (asked.uid, asked.gid, asked.mode & 0o777)


def _key(held: Held, known: Sequence[Known], asked: ServiceGrant | None) -> str:
    if asked is not None:
        return asked.source
    return next((each.key for each in known if each.name == held.secret), held.secret)


def _wishes(subject: Subject) -> Iterator[_Wish]:
    for name, text in subject.variables.items():
        if name.endswith("_FILE") and text.startswith("/") and not text.endswith("/"):
            yield _Wish(text, f"{name} names {text}", name.removesuffix("_FILE"))
    named = set(subject.variables.values())
    for path in sorted(subject.mentioned - named):
        yield _Wish(path, f"its log speaks of {path}")


def _unfulfilled(subject: Subject, wish: _Wish, known: Sequence[Known]) -> Iterator[Finding]:
    below = wish.path.startswith(_DIRECTORY)
    there = {each.target for each in subject.held} | {absolute(each.target) for each in subject.grants}
    if wish.path in there or (wish.path not in subject.absent and not below):
        return
    base = wish.path.removeprefix(_DIRECTORY) if below else ""
    names = {_plain(name) for name in (base, wish.variable) if name}
    for key, name, target, held in _granted(subject, known):
        if names & {_plain(key), _plain(name)}:
            seen = f"{wish.how}, and the secret is granted as {target}"
            command = grant(subject, key, name, held, target=wish.path)
            yield Finding(Fault.OTHER_TARGET, subject.label, name, seen, command)
            return
    for each in known:
        if names & {_plain(each.key), _plain(each.name)}:
            elsewhere = None if wish.path == absolute(each.key) else wish.path
            where = "the Compose file declares it" if each.declared else "it is in the store"
            seen = f"{wish.how}, and it is not granted; {where}"
            command = grant(subject, each.key, each.name, target=elsewhere)
            yield Finding(Fault.NOT_GRANTED, subject.label, each.name, seen, command)
            return
    if not base and not _SECRETIVE.search(wish.variable):
        return
    name = base if base and "/" not in base else wish.variable.lower()
    elsewhere = None if wish.path == absolute(name) else wish.path
    command = both(f"strongroom secret create {name}", grant(subject, name, name, target=elsewhere))
    if wish.variable:
        seen = f"{wish.how}, where nothing is"
        yield Finding(Fault.DANGLING_VARIABLE, subject.label, name, seen, command)
    elif not subject.well:
        seen = f"{wish.how}, and neither the Compose file nor the store has such a secret"
        yield Finding(Fault.SECRET_MISSING, subject.label, name, seen, command)


def _granted(subject: Subject, known: Sequence[Known]) -> Iterator[tuple[str, str, str, Held | None]]:
    """Yield key, name, target and file of each secret that a subject is granted or has."""
    names = {each.key: each.name for each in known}
    held = {each.target: each for each in subject.held}
    for each in subject.grants:
        target = absolute(each.target)
        yield each.source, names.get(each.source, each.source), target, held.pop(target, None)
    for target, file in held.items():
        yield _key(file, known, None), file.secret, target, file


def _plain(name: str) -> str:
    """Return a name without what tells ``db-password``, ``DB_PASSWORD`` and ``db.password`` apart."""
    return re.sub(r"[._-]", "", name).lower()


def _plain_variables(subject: Subject, known: Sequence[Known]) -> Iterator[Finding]:
    granted = {key for key, _, _, _ in _granted(subject, known)}
    for variable, text in subject.variables.items():
        for each in known if text else ():
            by_name = f"{variable}_FILE" == file_variable(each.name) and each.key in granted
            same = each.value is not None and _equal(text, each.value)
            if not by_name and not same:
                continue
            what = "has the secret's value" if same else "has another value than the secret's file"
            what = what if each.value is not None else "has a value beside the secret's file"
            seen = f"the variable {variable} {what}: whoever may use the Engine reads it in docker inspect"
            if subject.kind is Kind.PROCESS:
                seen = f"the variable {variable} {what}: all that it starts inherits it"
            yield Finding(Fault.PLAIN_VARIABLE, subject.label, each.name, seen, _without(subject, each, variable))
            break


def _equal(text: str, value: Value) -> bool:
    """Compare in constant time; a newline at the end, which shells strip, does not count."""
    given, kept = os.fsencode(text), value.reveal()
    return compare_digest(given, kept) or compare_digest(given + b"\n", kept)


def _without(subject: Subject, known: Known, variable: str) -> str:
    if subject.kind is Kind.SWARM and subject.service is None:
        return f"docker service update --env-rm {variable} {subject.name}"
    if subject.kind is Kind.PROCESS:
        return f"unset {variable}; {grant(subject, known.key, known.name, _held(subject, known))}"
    origin = subject.origins.get(variable)
    if origin is not None:
        command = f"sed -i '/^{variable}=/d' {shlex.quote(str(origin))}"
        if known.key in {each.source for each in subject.grants}:
            return both(command, subject.deploy)
        return both(command, grant(subject, known.key, known.name))
    return grant(subject, known.key, known.name, instead_of=variable)


def _held(subject: Subject, known: Known) -> Held | None:
    return next((each for each in subject.held if each.secret == known.name), None)
