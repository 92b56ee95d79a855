"""Which service may get which reference: a TOML file, outside of which everything is denied.

Swarm tells the service's name, and whoever may create services chooses it: a policy separates services of people who
may not, and keeps references that nobody deploys out of reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ...errors import DeclarationError, PolicyDenied
from ...references import Reference

# What may be asked for without a policy. Files, variables and programs of a manager's own are not for everybody who
# may create a secret there.
MANAGERS = ("vault", "aws", "azure", "gcp")


class Rule(NamedTuple):
    """Services that may get references; both are patterns, in which ``*`` stands for anything."""

    services: Sequence[str]
    references: Sequence[str]


class Policy:
    """The rules of a file, read again when it changed."""

    def __init__(self, path: Path | None) -> None:
        """Read the file, if there is one.

        Raises:
            DeclarationError: it cannot be read or understood.
        """
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._rules: Sequence[Rule] = ()
        self._refresh()

    def check(self, service: str, reference: Reference) -> None:
        """Let a service have a reference, or raise.

        Raises:
            PolicyDenied: no rule allows it.
            DeclarationError: the file was changed, and is wrong now.
        """
        if self._path is None:
            if reference.scheme not in MANAGERS:
                raise PolicyDenied(
                    f"{reference.scheme}:// is only for services that a policy names: start the driver with --policy."
                )
            return
        self._refresh()
        text = str(reference)
        # A pattern's start would not be where such a path ends.
        winding = any(part in (".", "..") for part in reference.path.split("/"))
        if winding or not any(
            any(fnmatchcase(service, each) for each in rule.services)
            and any(fnmatchcase(text, each) for each in rule.references)
            for rule in self._rules
        ):
            raise PolicyDenied(f"{self._path} does not allow service '{service}' to get {text}.")

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._rules, self._seen = load(self._path), seen
        except OSError as error:
            raise DeclarationError(f"the policy {self._path} cannot be read: {error.strerror}.") from None


def load(path: Path) -> list[Rule]:
    """Read a policy: tables ``[[allow]]`` with the lists ``services`` and ``references``.

    Raises:
        DeclarationError: it is not that.
        OSError: it cannot be read.
    """
    import tomllib

    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"the policy {path} is not TOML: {error}.") from None
    rules = content.pop("allow", [])
    if content or not isinstance(rules, list):
        raise DeclarationError(f"the policy {path} may have tables [[allow]] and nothing else.")
    return [_rule(path, each) for each in rules]


def _rule(path: Path, entry: object) -> Rule:
    if isinstance(entry, Mapping) and set(entry) == {"services", "references"}:
        lists = [entry["services"], entry["references"]]
        if all(isinstance(each, list) and each and all(isinstance(one, str) for one in each) for each in lists):
            return Rule(*lists)
    raise DeclarationError(
        f'the policy {path}: each [[allow]] takes services = ["…"] and references = ["…"], and nothing else.'
    )
