"""What a Compose file declares about secrets: who is granted what, and where each value comes from.

Reads, and never runs anything. Rendering (interpolation, ``extends``, ``include``, profiles) is Docker's: ``load``
reads one plain file for where there is no Docker, and says so where that is not enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from . import compose_files
from .compose_files import EXTENSION, of_project
from .errors import DeclarationError, InvalidReference
from .policy import Policy
from .policy import parse as parse_policy
from .references import EVERY_FIELD, Reference

FILE_NAMES, find = compose_files.FILE_NAMES, compose_files.find
EMBEDDED = "strongroom:"  # how a file names the embedded store, wherever it is
# The signals that programs take as a word to read their files again; the others end or stop them.
_SIGNALS = ("HUP", "USR1", "USR2", "WINCH")
# What the Compose specification's schema takes as a name of a service or a secret.
_KEY = re.compile(r"[a-zA-Z0-9._-]+")


@dataclass(frozen=True, slots=True)
class DeclaredSecret:
    """A secret of the file's top level. Exactly one of ``file``, ``variable``, ``external`` and ``driver`` is set.

    ``named`` tells whether the file gives it a name of its own, which Docker then takes as it is.
    """

    key: str
    name: str
    file: Path | None = None
    variable: str | None = None
    external: bool = False
    driver: str | None = None
    named: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    template_driver: str | None = None
    reference: Reference | None = None  # where an external one comes from, if not from the project's store

    @property
    def title(self) -> str:
        """What people call it: its name outside of the file where it has one, else the file's key."""
        return self.name if self.external else self.key


@dataclass(frozen=True, slots=True)
class ServiceGrant:
    """A service's right to a declared secret; without words of its own it is 0:0 and 0444, as Docker makes it."""

    source: str
    target: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True, slots=True)
class Service:
    """A service, its grants, and whom its processes run as where the file says so (else the image does)."""

    name: str
    grants: tuple[ServiceGrant, ...] = ()
    image: str | None = None
    user: str | None = None
    groups: tuple[str, ...] = ()


class Extension(NamedTuple):
    """What ``x-strongroom`` says of secrets: how they are rotated, and where they come from if not from the store.

    ``store`` is the URI of the store; empty for the embedded one. ``signals`` says which services Compose is to tell of
    a changed secret by which signal, instead of recreating them.
    """

    policies: Mapping[str, Policy] = MappingProxyType({})
    references: Mapping[str, Reference] = MappingProxyType({})
    store: str = ""
    signals: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Project:
    """A Compose file, as far as secrets go."""

    path: Path
    services: Mapping[str, Service]
    secrets: Mapping[str, DeclaredSecret]
    extension: Extension = field(default_factory=Extension)

    @property
    def used(self) -> Sequence[DeclaredSecret]:
        """The secrets that some service is granted, in the file's order."""
        keys = {grant.source for service in self.services.values() for grant in service.grants}
        return [secret for key, secret in self.secrets.items() if key in keys]

    def policy(self, secret: DeclaredSecret) -> Policy:
        """Return what the extension says of a secret's rotation, under its name or the file's key for it."""
        return self.extension.policies.get(secret.name) or self.extension.policies.get(secret.key) or Policy()

    def service(self, name: str) -> Service:
        """Return a service.

        Raises:
            DeclarationError: there is none of that name.
        """
        if name not in self.services:
            known = ", ".join(sorted(self.services)) or "none"
            raise DeclarationError(f"{self.path} has no service '{name}' (its services: {known}).")
        return self.services[name]


def load(path: Path) -> Project:
    """Read a plain Compose file.

    Raises:
        DeclarationError: it cannot be read, is no YAML, or not what the Compose specification says.
    """
    return parse(read(path), path)


def load_document(path: Path) -> Mapping[str, Any]:
    """Return the whole content of a plain Compose file, as it is written.

    Raises:
        DeclarationError: it cannot be read, is no YAML, or no mapping.
    """
    return _mapping(read(path), path, "the file")


def load_secrets(path: Path) -> Mapping[str, DeclaredSecret]:
    """Read only what a plain Compose file declares at its top level: it may be one of several that are merged.

    Raises:
        DeclarationError: as ``load``.
    """
    secrets = _mapping(_mapping(read(path), path, "the file").get("secrets") or {}, path, "secrets")
    return {
        str(key): _secret(_key(key, path, "secrets"), _mapping(value, path, f"secrets.{key}"), path)
        for key, value in secrets.items()
    }


def load_extension(path: Path) -> Extension:
    """Read only what a plain Compose file's extension says: the file may be one of several that are merged.

    Raises:
        DeclarationError: as ``load``.
    """
    return _extension(_mapping(read(path), path, "the file").get(EXTENSION) or {}, path)


def extension(files: Sequence[Path], directory: Path) -> Extension:
    """Return what the files' extensions say, the last word counting; by default the project's own file, if any.

    Raises:
        DeclarationError: as ``load``.
    """
    found = [load_extension(path) for path in of_project(files, directory)]
    policies = {name: policy for each in found for name, policy in each.policies.items()}
    references = {name: where for each in found for name, where in each.references.items()}
    signals = {name: word for each in found for name, word in each.signals.items()}
    return Extension(policies, references, next((each.store for each in reversed(found) if each.store), ""), signals)


def parse(document: object, path: Path) -> Project:
    """Read the content of a Compose file, which ``path`` names in messages and as what its files are relative to.

    Raises:
        DeclarationError: it is not what the Compose specification says.
    """
    root = _mapping(document, path, "the file")
    secrets = {
        str(key): _secret(_key(key, path, "secrets"), _mapping(value, path, f"secrets.{key}"), path)
        for key, value in _mapping(root.get("secrets") or {}, path, "secrets").items()
    }
    found = _extension(root.get(EXTENSION) or {}, path)
    for key, secret in secrets.items():
        if reference := found.references.get(secret.name) or found.references.get(key):
            if not secret.external:
                raise DeclarationError(
                    f"{path}: {EXTENSION} says where '{key}' comes from: set 'external: true' for it."
                )
            secrets[key] = replace(secret, reference=reference)
    services = {}
    for name, each in _mapping(root.get("services") or {}, path, "services").items():
        where = f"services.{_key(name, path, 'services')}"
        content = _mapping(each or {}, path, where)
        granted = content.get("secrets") or []
        if not isinstance(granted, list):
            raise DeclarationError(f"{path}: {where}.secrets is not a list.")
        grants = tuple(_grant(grant, path, f"{where}.secrets") for grant in granted)
        for grant in grants:
            if grant.source not in secrets:
                raise DeclarationError(
                    f"{path}: {where} uses the secret '{grant.source}', which is not declared. Add it under 'secrets:'."
                )
        services[str(name)] = Service(
            str(name), grants, content.get("image"), _text(content.get("user")), _texts(content.get("group_add"))
        )
    if unknown := found.signals.keys() - services.keys():
        raise DeclarationError(f"{path}: {EXTENSION}.services names '{min(unknown)}', which is no service.")
    return Project(path, services, secrets, found)


def parse_mode(value: object) -> int:
    """Read a mode as Compose does: text is octal, a number is taken as YAML read it.

    ``0440`` is octal to YAML 1.1 and arrives as a number; ``0o440`` arrives as text.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not a mode")
    mode = int(value.removeprefix("0o"), 8) if isinstance(value, str) else value
    if not 0 <= mode <= 0o7777:
        raise ValueError("not a mode")
    return mode


def read(path: Path) -> object:
    """Return the content of a YAML file.

    Raises:
        DeclarationError: it cannot be read, or is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DeclarationError(f"{path}{where} is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise DeclarationError(f"{path} is not YAML.") from None


def _key(key: object, path: Path, where: str) -> str:
    """Read the name of a service or a secret. Messages and commands to be pasted into a shell have it in them."""
    name = str(key)
    if not _KEY.fullmatch(name):
        raise DeclarationError(
            f"{path}: {where} has {name!a}, which Compose does not take: give it letters, digits, '.', '_' and '-'."
        )
    return name


def _secret(key: str, content: Mapping[str, Any], path: Path) -> DeclaredSecret:
    where = f"secrets.{key}"
    external = content.get("external") or False
    name = content.get("name") or key
    if isinstance(external, Mapping):  # the form of versions before 3.5
        name, external = external.get("name", name), True
    declared = DeclaredSecret(
        key,
        _plain(name, path, f"{where}.name"),
        path.parent / _plain(content["file"], path, f"{where}.file") if "file" in content else None,
        _plain(content["environment"], path, f"{where}.environment") if "environment" in content else None,
        external is True or external == "true",
        content.get("driver"),
        name != key,
        _labels(content.get("labels")),
        content.get("template_driver"),
    )
    if declared.variable is not None and not _KEY.fullmatch(declared.variable):
        raise DeclarationError(f"{path}: {where}.environment is {declared.variable!a}, which names no variable.")
    sources = (declared.file is not None, declared.variable is not None, declared.external, bool(declared.driver))
    if sum(sources) != 1:
        raise DeclarationError(f"{path}: {where} needs exactly one of 'file', 'environment' and 'external: true'.")
    return declared


def _grant(content: object, path: Path, where: str) -> ServiceGrant:
    if isinstance(content, str):
        return ServiceGrant(_plain(content, path, where), content)
    long = _mapping(content, path, where)
    if "source" not in long:
        raise DeclarationError(f"{path}: {where} has a grant without 'source'.")
    source = _plain(long["source"], path, f"{where}.source")
    where = f"{where}.{source}"
    try:
        uid, gid = (int(str(long.get(key) or 0)) for key in ("uid", "gid"))
    except ValueError:
        raise DeclarationError(f"{path}: {where} needs numbers for uid and gid, as Swarm does.") from None
    try:
        mode = parse_mode(0o444 if long.get("mode") is None else long["mode"])
    except ValueError:
        raise DeclarationError(f'{path}: {where}.mode is not a mode: give one such as 0400 or "0400".') from None
    return ServiceGrant(source, _plain(long.get("target") or source, path, f"{where}.target"), uid, gid, mode)


def _extension(content: object, path: Path) -> Extension:
    policies, references = {}, {}
    root = _mapping(content, path, EXTENSION)
    secrets = root.get("secrets") or {}
    for name, entry in _mapping(secrets, path, f"{EXTENSION}.secrets").items():
        where = f"{EXTENSION}.secrets.{name}"
        declared = _mapping(entry or {}, path, where)
        if declared.get("rotate"):
            policies[str(name)] = parse_policy(declared["rotate"], f"{path}: {where}.rotate")
        if "from" in declared:
            references[str(name)] = _reference(declared["from"], path, f"{where}.from")
    store = _store(root["store"], path) if "store" in root else ""
    return Extension(policies, references, store, _signals(root.get("services") or {}, path))


def _signals(content: object, path: Path) -> dict[str, str]:
    """Read which services are told of a change by a signal: ``services.NAME.on_change``."""
    found = {}
    for name, entry in _mapping(content, path, f"{EXTENSION}.services").items():
        where = f"{EXTENSION}.services.{name}"
        if unknown := _mapping(entry or {}, path, where).keys() - {"on_change"}:
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
    text = _plain(content, path, where)
    if text.rstrip("/") == EMBEDDED:
        return ""
    if "://" not in text:
        raise DeclarationError(f"{path}: {where} is no store: give a URI such as vault://secret/myapp, or {EMBEDDED}")
    if text.startswith("command:"):
        # Looking at a project that somebody else made must not run what it brings along.
        raise DeclarationError(f"{path}: {where} names a program: only --store and STRONGROOM_STORE may.")
    return text


def _reference(content: object, path: Path, where: str) -> Reference:
    try:
        reference = Reference.parse(_plain(content, path, where))
    except InvalidReference as error:
        raise DeclarationError(f"{path}: {where}: {error}") from None
    if reference.field == EVERY_FIELD:
        raise DeclarationError(f"{path}: {where} is one value: name one field, not '#*'.")
    return reference


def _labels(content: object) -> dict[str, str]:
    """Read labels, which are a mapping or a list of ``key=value``."""
    if isinstance(content, Mapping):
        return {str(key): _text(value) or "" for key, value in content.items()}
    pairs = (each.partition("=") for each in _texts(content))
    return {key: value for key, _, value in pairs}


def _texts(content: object) -> tuple[str, ...]:
    return tuple(map(str, content)) if isinstance(content, list | tuple) else ()


def _text(value: object) -> str | None:
    return None if value is None else str(value).replace("$$", "$")


def _plain(value: object, path: Path, where: str) -> str:
    text = str(value)
    if "$" in text.replace("$$", ""):
        raise DeclarationError(
            f"{path}: {where} is '{text}', which only Docker can fill in. Put what 'docker compose config' prints "
            "into a file, and name that with --file."
        )
    return text.replace("$$", "$")


def _mapping(value: object, path: Path, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DeclarationError(f"{path}: {where} is not a mapping.")
    return value
