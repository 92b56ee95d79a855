"""The commands that mend a grant: in the Compose file where there is one, else at the Swarm service or the process."""

from __future__ import annotations

import shlex

from .model import Held, Kind, Subject, absolute

_DIRECTORY = "/run/secrets/"


def both(*commands: str) -> str:
    """Return commands that run one after the other, as long as each succeeds."""
    return " && ".join(filter(None, commands))


def grant(
    subject: Subject, key: str, name: str, held: Held | None = None, *, target: str | None = None,
    uid: int | None = None, mode: int | None = None, instead_of: str = "",
) -> str:  # fmt: skip
    """Return the command that grants a secret, or changes what is granted, and delivers it.

    ``held`` is what is granted now; ``target`` may be absolute.
    """
    if target and target.startswith(_DIRECTORY):
        target = target.removeprefix(_DIRECTORY)
    if subject.service is not None and subject.kind is not Kind.PROCESS:
        words = [f"--target {shlex.quote(target)}"] if target else []
        words += [f"--uid {uid}"] if uid is not None else []
        words += [f"--mode {mode:04o}"] if mode is not None else []
        words += [f"--instead-of {instead_of}"] if instead_of else []
        words += [subject.options] if subject.options else []
        return both(" ".join(["strongroom grant", key, subject.service.name, *words]), subject.deploy)
    base = held or Held(name, absolute(key), 0, 0, 0o444)
    wanted = base._replace(
        target=absolute(target) if target else base.target,
        uid=base.uid if uid is None else uid,
        mode=base.mode if mode is None else mode,
    )
    if subject.kind is Kind.SWARM:
        return update_service(subject, wanted, held, instead_of)
    return run(subject, [each for each in subject.held if each != held] + [wanted])


def update_service(subject: Subject, wanted: Held, held: Held | None, variable: str = "") -> str:
    """Return the command that gives a Swarm service a secret by a grant: its current version, or the one it has."""
    source = held.swarm_name if held and held.version is None and held.swarm_name else ""
    source = source or f"$(strongroom secret push {wanted.secret})"
    words = f"--secret-rm {held.swarm_name} " if held else ""
    target = wanted.target.removeprefix(_DIRECTORY)
    words += f"--secret-add source={source},target={target},uid={wanted.uid},gid={wanted.gid},mode={wanted.mode:04o}"
    words += f" --env-rm {variable}" if variable else ""
    return f"docker service update {words} {subject.name}"


def run(subject: Subject, held: list[Held]) -> str:
    """Return the command that starts a process anew: COMMAND is what it was started with."""
    if subject.service is not None:
        return f"kill {subject.name} && strongroom run --service {subject.service.name} -- COMMAND"
    texts = " ".join(f"-s {_text(each)}" for each in held)
    return f"kill {subject.name} && strongroom run {texts} -- COMMAND"


def _text(held: Held) -> str:
    target = held.target.removeprefix(_DIRECTORY)
    words = f"={target}" if target != held.secret else ""
    words += f",mode={held.mode:04o}" if held.mode != 0o444 else ""
    return held.secret + words
