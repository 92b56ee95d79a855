"""A scan from its targets to its findings: rules for each target, one pass over it, and what is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .model import Finding, Notice, Piece
from .report import Found

if TYPE_CHECKING:
    from .detect.rules import RuleSet
    from .scanner import Scanner
    from .targets.base import Target

_NO_RULES = "to add yours to the built-in ones, write [extend] and useDefault = true"
_CONFIG, _IGNORE = ".gitleaks.toml", ".gitleaksignore"
# Whose directory may have a configuration of its own.
_DIRECTORIES = ("dir", "context", "git")
# Whose files lie where their paths say, from the target on.
_FILES = ("dir", "context")


class Count:
    """How far a scan is."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.started = time.monotonic()
        self.files, self.size, self.path = 0, 0, ""

    @property
    def seconds(self) -> float:
        """How long it takes so far."""
        return time.monotonic() - self.started

    def over(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Pass pieces on, and count them."""
        for piece in pieces:
            self.files, self.path = self.files + 1, piece.place.path
            yield Piece(piece.place, self._chunks(piece.chunks))

    def _chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk


class Done(NamedTuple):
    """What a scan found, the rules' own advice, and what it could not look at."""

    found: list[Found]
    fixes: dict[str, str]
    notices: list[Notice]


def run(targets: Sequence[Target], config: Path | None, scanner_of: Callable[[RuleSet], Scanner], count: Count) -> Done:
    """Scan targets, one after the other. Without ``config`` each follows ``.gitleaks.toml`` and ``.gitleaksignore``.

    They are those of the target, where it is a directory, and otherwise of the working directory.

    Raises:
        RulesError: a configuration is wrong.
    """
    from .detect.rules import load

    scanners: dict[Path | None, Scanner] = {}
    done = Done([], {}, [])
    for target in targets:
        directory = _directory(target.name)
        own = directory / _CONFIG
        path = config or (own if own.is_file() else None)
        if path not in scanners:
            rules = load(path)
            if not rules.rules:
                done.notices.append(Notice(str(path), f"has no rules: {_NO_RULES}"))
            done.fixes.update({rule.id: rule.fix for rule in rules.rules if rule.fix})
            scanners[path] = scanner_of(rules)
        settled = _once(target.findings(partial(_counted, scanners[path], count)))
        ignored = _ignored(directory / _IGNORE)
        kept = [each for each in settled if not _names(each) & ignored]
        done.found.extend(Found(target.name, _moved(target.name, each)) for each in kept)
        done.notices.extend(
            each._replace(path=_from_here(target.name, each.path) or target.name) for each in target.notices
        )
    for scanner in scanners.values():
        done.notices.extend(each for each in scanner.notices if each not in done.notices)
    return done


def _counted(scanner: Scanner, count: Count, pieces: Iterable[Piece]) -> Iterator[Finding]:
    return scanner.scan(count.over(pieces))


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Of a value that a file has in several versions, keep the first: it shows where any of them does."""
    first: dict[tuple[str, str, bytes], str] = {}
    shows: set[tuple[str, str, bytes]] = set()
    kept = []
    for each in findings:
        key = (each.place.path, each.rule, each.value.reveal())
        if first.setdefault(key, each.place.commit) == each.place.commit:
            kept.append((key, each))
        if each.place.commit and not each.place.shown:
            shows.add(key)
    return [each._replace(place=each.place._replace(shown="")) if key in shows else each for key, each in kept]


def _directory(target: str) -> Path:
    kind, _, name = target.partition(" ")
    return Path(name) if kind in _DIRECTORIES and Path(name).is_dir() else Path()


def _from_here(target: str, path: str) -> str:
    """Return the path that leads to a file from the working directory, as a person or a service reads it."""
    kind, _, name = target.partition(" ")
    if kind not in _FILES or not path:
        return path
    above = Path(name) if Path(name).is_dir() else Path(name).parent
    return str(above / path)


def _moved(target: str, finding: Finding) -> Finding:
    return finding._replace(place=finding.place._replace(path=_from_here(target, finding.place.path)))


def _ignored(path: Path) -> frozenset[str]:
    """Return the lines of a ``.gitleaksignore``: ``[commit:]path:rule:line``, as gitleaks names findings."""
    if not path.is_file():  # nor a pipe, which would be waited for
        return frozenset()
    try:
        lines = [line.strip() for line in path.read_text("utf-8", errors="surrogateescape").splitlines()]
    except OSError:
        return frozenset()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _names(finding: Finding) -> frozenset[str]:
    name = f"{finding.place.path}:{finding.rule}:{finding.line}"
    return frozenset({name, f"{finding.place.commit}:{name}", f"{finding.place.commit[:7]}:{name}"})
