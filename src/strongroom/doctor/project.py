"""Facts of the project: what its Compose file declares, where each value is, and where variables come from."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import compose, compose_files
from ..compose import Service
from ..delivery import declared
from ..delivery.compose.project import Options
from ..delivery.declared import Kind as SourceKind
from ..docker import render
from ..errors import DeclarationError, DeliveryError, EngineError, IdentityError, InvalidValue, SecretNotFound
from ..model import Name, Stage, Value
from ..stores.base import Store
from .model import Fault, Finding, Kind, Known, Subject

_UNDECLARED = (
    re.compile(r"services\.(?P<service>\S+) uses the secret '(?P<secret>[^']+)', which is not declared"),
    re.compile(r'service "(?P<service>[^"]+)" refers to undefined secret (?P<secret>[^\s:]+)'),
)
# compose-go shows the line of an .env file that it does not understand, and there may be a value in it.
_ENV_LINE = re.compile(r" (?:in variable name|near) .*", re.DOTALL)
_LINE = re.compile(r"\bline (\d+)")


@dataclass
class Project:
    """What is known of a project; all of it is empty where there is no Compose file."""

    path: Path | None = None
    name: str = ""
    files: Sequence[str] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    origins: Mapping[str, Mapping[str, Path | None]] = field(default_factory=dict)
    defined: Mapping[str, Path] = field(default_factory=dict)  # in which file a service is
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    findings: list[Finding] = field(default_factory=list)

    def grant_options(self, service: str) -> str:
        """Return what 'strongroom grant' has to be told of the file that has a service."""
        path = self.defined.get(service, self.path)
        return "" if path is None or (path == self.path and not self.files) else f"-f {shlex.quote(str(path))}"

    @property
    def compose_up(self) -> str:
        """The command that brings the project up."""
        return " ".join(["strongroom compose", *(f"-f {shlex.quote(each)}" for each in self.files), "up -d"])

    def stack_deploy(self, stack: str) -> str:
        """Return the command that deploys the project as a stack."""
        files = self.files or ([os.path.relpath(self.path)] if self.path else [])
        return " ".join(["strongroom stack deploy", *(f"-c {shlex.quote(each)}" for each in files), stack])

    def declared_only(self, name: str, deploy: str) -> Subject:
        """Return a service of the file as a subject that runs nowhere."""
        return Subject(
            name, Kind.DECLARED, self.services[name], variables=self.variables.get(name, {}),
            origins=self.origins.get(name, {}), deploy=deploy, options=self.grant_options(name),
        )  # fmt: skip


def gather(files: Sequence[str], store: Store | None, in_swarm: Sequence[str], with_compose: bool) -> Project:
    """Return what is known of the project here. ``with_compose``: Docker Compose can render it."""
    project = Project(files=files)
    try:
        project.path = Path(files[0]) if files else compose.find(Path.cwd())
    except DeclarationError:
        project.known = _stored_only(store, set())
        return project
    try:
        _read(project, with_compose, store, in_swarm)
    except (DeclarationError, EngineError) as error:
        project.findings.append(_unreadable(project.path, str(error)))
        project.known = _stored_only(store, set())
    return project


def read_values(project: Project, store: Store | None, names: Sequence[str]) -> None:
    """Read the values of what the project uses, and of ``names`` that only the store has."""
    wanted = [each for each in project.known if each.source or each.name in names]
    stored = [each for each in wanted if each.source is None or each.source.kind is SourceKind.STORE]
    values: dict[str, Value] = {}
    try:
        if store and stored:
            pairs = [_version(each, store) for each in stored]
            values = dict(zip((each.key for each in stored), store.read_many(pairs), strict=True))
    except IdentityError as error:
        project.findings.append(_closed(str(error)))
    except SecretNotFound:  # it went meanwhile
        pass
    project.known = [_with_value(each, values) if each in wanted else each for each in project.known]


def _read(project: Project, with_compose: bool, store: Store | None, in_swarm: Sequence[str]) -> None:
    assert project.path is not None  # noqa: S101 - for the type checker
    options = Options(project.files)
    document: Any = options.render() if with_compose else compose_files.read(project.path)
    parsed = compose.parse(document, project.path)
    names = [secret.variable for secret in parsed.used if secret.variable]
    environment = options.variables(names) if names and with_compose else dict(os.environ)
    sources = {each.secret.key: each for each in declared.locate(parsed.used, store, environment, in_swarm)}
    project.document, project.services = document, parsed.services
    project.name = str(document.get("name") or project.path.resolve().parent.name)
    project.known = [
        Known(secret.key, secret.name if secret.external else secret.key, True, sources.get(secret.key))
        for secret in parsed.secrets.values()
    ]
    project.known += _stored_only(store, {each.name for each in project.known})
    folder = None if with_compose else project.path.parent
    project.variables = {name: _variables(each, folder) for name, each in (document.get("services") or {}).items()}
    paths = render.project_files(project.files, None) if with_compose else [project.path]
    written = [(path, name, service) for path in paths for name, service in _services(path)]
    project.defined = {name: path for path, name, _ in reversed(written)}
    project.origins = _origins(written, project.variables)


def _stored_only(store: Store | None, others: set[str]) -> list[Known]:
    return [Known(each.name, each.name, False) for each in (store.list() if store else ()) if each.name not in others]


def _version(known: Known, store: Store) -> tuple[Name, int]:
    if known.source and known.source.stored:
        return known.source.stored.name, known.source.version or 0
    return Name(known.name), store.inspect(Name(known.name)).stages[Stage.CURRENT]


def _with_value(known: Known, values: Mapping[str, Value]) -> Known:
    if known.key in values:
        return known._replace(value=values[known.key])
    source = known.source
    if source is None or source.kind not in (SourceKind.FILE, SourceKind.ENVIRONMENT):
        return known
    if source.secret.file is not None and source.secret.file.stat().st_size == 0:
        return known._replace(empty=True)
    with suppress(DeliveryError, DeclarationError, InvalidValue):
        return known._replace(value=declared.values([source], None)[0])
    return known


def _variables(service: Mapping[str, Any] | None, folder: Path | None) -> dict[str, str]:
    """Return a service's variables, with those of its ``env_file`` where that lies in ``folder``, not read yet."""
    files = _env_files(service or {}, folder) if folder else []
    return {key: text for file in files for key, text in _pairs(file)} | _environment(service)


def _environment(service: Mapping[str, Any] | None) -> dict[str, str]:
    given = (service or {}).get("environment") or {}
    pairs = given.items() if isinstance(given, Mapping) else (str(each).partition("=")[::2] for each in given)
    return {str(key): str(value).replace("$$", "$") for key, value in pairs if value is not None}


def _services(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the services of a file as they are written there."""
    document: Any = {}
    with suppress(DeclarationError):
        document = compose_files.read(path)
    services = document.get("services") if isinstance(document, Mapping) else None
    for name, service in (services if isinstance(services, Mapping) else {}).items():
        if isinstance(service, Mapping):
            yield str(name), service


def _origins(
    written: Sequence[tuple[Path, str, Mapping[str, Any]]], variables: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Path | None]]:
    """Return, for each service, where its variables come from: a file of ``env_file``, or None for ``environment``."""
    found: dict[str, dict[str, Path | None]] = {name: {} for name in variables}
    for path, name, service in written:
        if name in found:
            for file in _env_files(service, path.parent):
                found[name] |= dict.fromkeys((key for key, _ in _pairs(file)), file)
            found[name] |= dict.fromkeys(_environment(service))
    return found


def _env_files(service: Mapping[str, Any], folder: Path) -> list[Path]:
    given = service.get("env_file") or []
    entries = given if isinstance(given, list) else [given]
    return [folder / str(each.get("path") if isinstance(each, Mapping) else each) for each in entries]


def _pairs(file: Path) -> list[tuple[str, str]]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return [(key.strip(), text.strip().strip("'\"")) for key, _, text in pairs]


def _unreadable(path: Path, message: str) -> Finding:
    message = _ENV_LINE.sub("", message)
    for pattern in _UNDECLARED:
        if found := pattern.search(message):
            command = f"strongroom grant {found['secret'].rstrip(',.')} {found['service']}"
            return Finding(Fault.COMPOSE_FILE, "", found["secret"], message, command)
    line = _LINE.search(message)
    where = f"+{line[1]} " if line else ""
    return Finding(Fault.COMPOSE_FILE, "", "", message, f'"${{EDITOR:-vi}}" {where}{shlex.quote(str(path))}')


def _closed(message: str) -> Finding:
    loose = re.search(r"Run: (chmod 600 .*)$", message)
    if loose:
        command = loose[1]
    else:
        key = next((path for path in (Path.home() / ".ssh").glob("id_*.pub")), None)
        command = f"strongroom recipients add {shlex.quote(str(key)) if key else 'YOUR_KEY.pub'}"
        message += " (somebody whom the store opens for runs the command)"
    return Finding(Fault.STORE_CLOSED, "", "", message, command)
