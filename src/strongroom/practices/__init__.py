"""What a project should do with its secrets, each practice with what it proves: one module a family of practices."""

from __future__ import annotations

from .base import PROVES, Subject, Verdict


def look(subject: Subject) -> list[Verdict]:
    """Look at every practice; the verdicts are in the order of ``PROVES``."""
    from . import age, grants, rest, scanned, variables

    found = [verdict for module in (variables, grants, age, rest, scanned) for verdict in module.look(subject)]
    order = list(PROVES)
    return sorted(found, key=lambda verdict: order.index(verdict.practice))
