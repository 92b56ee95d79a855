"""What ``x-strongroom`` in a Compose file says: the store, how secrets are rotated, where else they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from .compose_files import EXTENSION, mapping, of_project, plain, read
from .errors import DeclarationError, InvalidReference
from .policy import Policy
from .policy import parse as parse_policy
from .references import EVERY_FIELD, Reference

_EMBEDDED = "strongroom:"  # how a file names the embedded store, wherever it is
# The signals that programs take as a word to read their files again; the others end or stop them.
_SIGNALS = ("HUP", "USR1", "USR2", "WINCH")


class Extension(NamedTuple):
    """What ``x-strongroom`` says of secrets: how they are rotated, and where they come from if not from the store.

    ``store`` is the URI of the store; empty for the embedded one. ``signals`` says which services Compose is to tell of
    a changed secret by which signal, instead of recreating them.
    """

    policies: Mapping[str, Policy] = MappingProxyType({})
    references: Mapping[str, Reference] = MappingProxyType({})
    store: str = ""
    signals: Mapping[str, str] = MappingProxyType({})


def merged(files: Sequence[Path], directory: Path) -> Extension:
    """Return what the files' extensions say, the last word counting; by default the project's own file, if any.

    Raises:
        DeclarationError: one cannot be read, is no YAML, or as ``parse``.
    """
    documents = ((path, mapping(read(path), path, "the file")) for path in of_project(files, directory))
    found = [parse(document.get(EXTENSION) or {}, path) for path, document in documents]
    policies = {name: policy for each in found for name, policy in each.policies.items()}
    references = {name: where for each in found for name, where in each.references.items()}
    signals = {name: word for each in found for name, word in each.signals.items()}
    return Extension(policies, references, next((each.store for each in reversed(found) if each.store), ""), signals)


def parse(content: object, path: Path) -> Extension:
    """Read what stands under the extension's name; ``path`` names the file in messages.

    Raises:
        DeclarationError: it is not what can be said there.
    """
    policies, references = {}, {}
    root = mapping(content, path, EXTENSION)
    secrets = root.get("secrets") or {}
    for name, entry in mapping(secrets, path, f"{EXTENSION}.secrets").items():
        where = f"{EXTENSION}.secrets.{name}"
        declared = mapping(entry or {}, path, where)
        if declared.get("rotate"):
            policies[str(name)] = parse_policy(declared["rotate"], f"{path}: {where}.rotate")
        if "from" in declared:
            references[str(name)] = _reference(declared["from"], path, f"{where}.from")
    store = _store(root["store"], path) if "store" in root else ""
    return Extension(policies, references, store, _signals(root.get("services") or {}, path))


def _signals(content: object, path: Path) -> dict[str, str]:
    """Read which services are told of a change by a signal: ``services.NAME.on_change``."""
    found = {}
    for name, entry in mapping(content, path, f"{EXTENSION}.services").items():
        where = f"{EXTENSION}.services.{name}"
        if unknown := mapping(entry or {}, path, where).keys() - {"on_change"}:
            raise DeclarationError(f"{path}: {where}.{min(map(str, unknown))} is not known: on_change is.")
        text = str((entry or {}).get("on_change", ""))
        if (word := text.upper().removeprefix("SIG")) in _SIGNALS:
            found[str(name)] = f"SIG{word}"
        elif text:
            raise DeclarationError(
                f"{path}: {where}.on_change is '{text}': give the signal that makes it read its secrets again: "
                f"{', '.join(f'SIG{each}' for each in _SIGNALS)}."
            )
    return found


def _store(content: object, path: Path) -> str:
    """Read the store's URI."""
    where = f"{EXTENSION}.store"
    text = plain(content, path, where)
    if text.rstrip("/") == _EMBEDDED:
        return ""
    if "://" not in text:
        raise DeclarationError(f"{path}: {where} is no store: give a URI such as vault://secret/myapp, or {_EMBEDDED}")
    if text.startswith("command:"):
        # Looking at a project that somebody else made must not run what it brings along.
        raise DeclarationError(f"{path}: {where} names a program: only --store and STRONGROOM_STORE may.")
    return text


def _reference(content: object, path: Path, where: str) -> Reference:
    try:
        reference = Reference.parse(plain(content, path, where))
    except InvalidReference as error:
        raise DeclarationError(f"{path}: {where}: {error}") from None
    if reference.field == EVERY_FIELD:
        raise DeclarationError(f"{path}: {where} is one value: name one field, not '#*'.")
    return reference
