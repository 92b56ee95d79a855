"""What a Compose file declares about secrets: who is granted what, and where each value comes from.

Reads, and never runs anything. Rendering (interpolation, ``extends``, ``include``, profiles) is Docker's: ``load``
reads one plain file for where there is no Docker, and says so where that is not enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import compose_files
from .compose_files import EXTENSION, mapping, plain, read
from .errors import DeclarationError
from .extension import Extension
from .extension import parse as parse_extension
from .policy import Policy
from .references import Reference

FILE_NAMES, find = compose_files.FILE_NAMES, compose_files.find
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
    return mapping(read(path), path, "the file")


def load_secrets(path: Path) -> Mapping[str, DeclaredSecret]:
    """Read only what a plain Compose file declares at its top level: it may be one of several that are merged.

    Raises:
        DeclarationError: as ``load``.
    """
    secrets = mapping(mapping(read(path), path, "the file").get("secrets") or {}, path, "secrets")
    return {
        str(key): _secret(_key(key, path, "secrets"), mapping(value, path, f"secrets.{key}"), path)
        for key, value in secrets.items()
    }


def parse(document: object, path: Path) -> Project:
    """Read the content of a Compose file, which ``path`` names in messages and as what its files are relative to.

    Raises:
        DeclarationError: it is not what the Compose specification says.
    """
    root = mapping(document, path, "the file")
    secrets = {
        str(key): _secret(_key(key, path, "secrets"), mapping(value, path, f"secrets.{key}"), path)
        for key, value in mapping(root.get("secrets") or {}, path, "secrets").items()
    }
    found = parse_extension(root.get(EXTENSION) or {}, path)
    for key, secret in secrets.items():
        if reference := found.references.get(secret.name) or found.references.get(key):
            if not secret.external:
                raise DeclarationError(
                    f"{path}: {EXTENSION} says where '{key}' comes from: set 'external: true' for it."
                )
            secrets[key] = replace(secret, reference=reference)
    services = {}
    for name, each in mapping(root.get("services") or {}, path, "services").items():
        where = f"services.{_key(name, path, 'services')}"
        content = mapping(each or {}, path, where)
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
        plain(name, path, f"{where}.name"),
        path.parent / plain(content["file"], path, f"{where}.file") if "file" in content else None,
        plain(content["environment"], path, f"{where}.environment") if "environment" in content else None,
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
        return ServiceGrant(plain(content, path, where), content)
    long = mapping(content, path, where)
    if "source" not in long:
        raise DeclarationError(f"{path}: {where} has a grant without 'source'.")
    source = plain(long["source"], path, f"{where}.source")
    where = f"{where}.{source}"
    try:
        uid, gid = (int(str(long.get(key) or 0)) for key in ("uid", "gid"))
    except ValueError:
        raise DeclarationError(f"{path}: {where} needs numbers for uid and gid, as Swarm does.") from None
    try:
        mode = parse_mode(0o444 if long.get("mode") is None else long["mode"])
    except ValueError:
        raise DeclarationError(f'{path}: {where}.mode is not a mode: give one such as 0400 or "0400".') from None
    return ServiceGrant(source, plain(long.get("target") or source, path, f"{where}.target"), uid, gid, mode)


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
