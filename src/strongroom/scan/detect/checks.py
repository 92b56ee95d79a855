"""The checks that a built-in rule may name: what its matches must stand besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import assignments, checksums, credentials, quoted

if TYPE_CHECKING:
    from .judge import Candidate

Check = Callable[["Candidate"], bool]


def _sum(adds_up: Callable[[bytes], bool]) -> Check:
    return lambda candidate: adds_up(candidate.secret)


CHECKS: dict[str, Check] = {
    "crc-base62": _sum(checksums.crc_base62),
    "grafana": _sum(checksums.grafana),
    "jwt": _sum(checksums.jwt),
    "discord": _sum(checksums.discord),
    "bech32": _sum(checksums.bech32),
    "pem": _sum(checksums.pem),
    "quoted": quoted.quoted,
    "worded": quoted.worded,
    "bare": assignments.bare,
    "default": assignments.fallback,
    "tabled": assignments.tabled,
    "inline": assignments.inline,
    "element": assignments.element,
    "instruction": assignments.instruction,
    "named": assignments.named,
    "url": credentials.in_url,
    "secret": credentials.plain,
    "random": credentials.random,
    "token": credentials.token,
    "near": credentials.near,
    "basic": credentials.basic,
    "netrc": credentials.netrc,
    "npmrc": credentials.npmrc,
    "salt": credentials.salt,
    "directive": credentials.directive,
    "pair": credentials.pair,
    "statement": credentials.statement,
    "signing": credentials.signing,
    "option": credentials.option,
    "said": credentials.said,
    "prose": credentials.prose,
}
# Whether a check may say yes of a match that ends about there, given the path and the data: most get no closer look.
GLANCES: dict[str, Callable[[str, bytes, int], bool]] = {
    "bare": assignments.may_be_bare,
    "inline": assignments.may_be_inline,
}
