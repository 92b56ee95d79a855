"""Where secrets rest: whether the store and the swarm are encrypted, audited, and whether they have to rest at all."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import EngineError, StrongroomError
from .base import Outcome, Subject, Verdict

_AUDIT, _REST, _LIVED = "audit-on", "encrypted-at-rest", "short-lived"
# What a manager's database engine can make credentials for.
_DATABASES = ("postgres", "mariadb", "mysql")


def look(subject: Subject) -> Iterator[Verdict]:
    """Look at the store, at the identity that opens it, and at the swarm."""
    yield _audit(subject)
    yield from _identities(subject)
    yield from _swarm(subject)
    yield from _short_lived(subject)


def _audit(subject: Subject) -> Verdict:
    from ..stores.embedded import EmbeddedStore

    store = subject.store
    if store is None:
        return Verdict(_AUDIT, Outcome.UNKNOWN, "", "there is no store")
    if not isinstance(store, EmbeddedStore):
        seen = f"{store.place} keeps its own audit log, which cannot be seen from here"
        return Verdict(_AUDIT, Outcome.UNKNOWN, "", seen, "vault audit list" if "vault" in store.place else "")
    try:
        count = store.verify()
    except StrongroomError as error:
        return Verdict(_AUDIT, Outcome.WARNING, "", str(error), "strongroom audit verify")
    return Verdict(_AUDIT, Outcome.OK, "", f"the store's audit chain holds ({count} entries)")


def _identities(subject: Subject) -> Iterator[Verdict]:
    from ..stores.embedded.identity import is_encrypted

    for path in subject.identities:
        if is_encrypted(path):
            yield Verdict(_REST, Outcome.OK, "", f"the identity {path} has a passphrase")
        else:
            yield Verdict(
                _REST, Outcome.WARNING, "", f"the identity {path} has no passphrase: who copies it opens the store",
                f"give it one: age -p -a -o {path}.new {path} && mv {path}.new {path}",
            )  # fmt: skip


def _swarm(subject: Subject) -> Iterator[Verdict]:
    if subject.engine is None:
        return
    try:
        swarm = subject.engine.get("/info")["Swarm"]
    except EngineError as error:
        yield Verdict(_REST, Outcome.UNKNOWN, "swarm", str(error))
        return
    if not swarm.get("ControlAvailable"):
        return
    specification = (swarm.get("Cluster") or {}).get("Spec") or {}
    if (specification.get("EncryptionConfig") or {}).get("AutoLockManagers"):
        yield Verdict(_REST, Outcome.OK, "swarm", "the managers lock themselves (autolock)")
    else:
        yield Verdict(
            _REST, Outcome.WARNING, "swarm", "the key to the Raft log lies beside it in plain text (no autolock)",
            "docker swarm update --autolock=true, and keep the unlock key elsewhere",
        )  # fmt: skip


def _short_lived(subject: Subject) -> Iterator[Verdict]:
    """Find passwords of databases that a manager keeps, although it could make one for each reader."""
    clean = True
    managed = subject.store is not None and subject.store.place.startswith("vault://")
    for declared in subject.project.used:
        scheme = declared.reference.scheme if declared.reference else "vault" if managed else ""
        rotator = subject.project.policy(declared).rotator.partition(":")[0]
        if scheme == "vault" and rotator in _DATABASES:
            clean = False
            yield Verdict(
                _LIVED, Outcome.WARNING, declared.title, "a password of a database that Vault could make for each task",
                "enable Vault's database engine, and let the service run: strongroom exec --watch, with "
                "vault://database/creds/ROLE#password",
            )  # fmt: skip
    if clean:
        yield Verdict(_LIVED, Outcome.OK, "", "no secret is kept that a manager is known to be able to make")
