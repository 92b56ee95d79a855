"""How old secrets are, and whether they may become that old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import SecretNotFound
from ..model import Name, Secret
from ..stores.base import Capability
from .base import Outcome, Subject, Verdict

_PRACTICE = "age-within-policy"


def look(subject: Subject) -> Iterator[Verdict]:
    """Compare each secret of the store with the policy that the Compose file gives it."""
    store = subject.store
    if store is None or Capability.VERSIONS not in store.capabilities:
        yield Verdict(_PRACTICE, Outcome.UNKNOWN, "", "there is no store that remembers when a secret changed")
        return
    clean = True
    for declared in subject.project.used:
        if not declared.external or declared.reference or not (stored := _stored(subject, declared.name)):
            continue
        due = subject.project.policy(declared).due(stored)
        if due and due > datetime.now(UTC):
            continue
        clean = False
        if due:
            days = (datetime.now(UTC) - due).days
            seen, fix = f"its rotation is {days} days overdue", f"strongroom rotate {declared.name}"
        else:
            seen = "it has no policy of rotation"
            fix = f"add 'rotate: {{every: 90d}}' to x-strongroom.secrets.{declared.name}"
        yield Verdict(_PRACTICE, Outcome.WARNING, declared.name, seen, fix)
    if clean:
        yield Verdict(_PRACTICE, Outcome.OK, "", "each secret of the store is younger than its policy says")


def _stored(subject: Subject, name: str) -> Secret | None:
    try:
        return subject.store.inspect(Name(name)) if subject.store else None
    except SecretNotFound:
        return None
