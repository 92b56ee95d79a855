"""A Compose project with its secrets staged: what ``strongroom compose`` gives to ``docker compose``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ... import compose
from ...compose import DeclaredSecret
from ...docker import cli, render
from ...docker.engine import Engine, Json
from ...errors import DeliveryError, EngineError
from ...model import Name, Value
from ...references import Reference
from ...stores import audited
from ...stores.base import Store
from .. import declared
from ..declared import Source
from ..swarm.lock import exclusively
from . import memory, signals, staging
from .plan import Plan
from .signals import PROJECT, Told
from .staging import Staged, Staging


@dataclass(frozen=True)
class Options:
    """The options of ``docker compose`` itself. ``words`` are those that only concern its output, as typed."""

    files: Sequence[str] = ()
    name: str | None = None
    directory: str | None = None
    profiles: Sequence[str] = ()
    environment_files: Sequence[str] = ()
    words: Sequence[str] = ()

    def typed(self) -> list[str]:
        """Return them all as arguments."""
        return [*self._reading(), *self._profiles(), *self.words]

    def _reading(self) -> list[str]:
        """Return those that say how the project is read."""
        single = (("--project-name", self.name), ("--project-directory", self.directory))
        many = (("--file", self.files), ("--env-file", self.environment_files))
        found = [part for option, value in single if value is not None for part in (option, value)]
        return found + [part for option, values in many for value in values for part in (option, value)]

    def _profiles(self) -> list[str]:
        return [part for profile in self.profiles for part in ("--profile", profile)]

    def paths(self) -> Sequence[Path]:
        """Return the files that the project is read from."""
        return render.project_files(self.files, self.directory)

    def render(self) -> Json:
        """Return the project as Compose renders it."""
        return render.compose(self._reading(), self.paths())

    def variables(self, names: Sequence[str]) -> dict[str, str]:
        """Return variables as Compose sees them: the environment's, then those of its ``.env`` files."""
        asked = {name: {"set": f"${{{name}+set}}", "value": f"${{{name}-}}"} for name in names}
        document = {"name": "variables", "services": {"none": {"image": "none"}}, "x-variables": asked}
        path = render.in_memory(json.dumps(document).encode())
        files = render.project_files(self.files, self.directory)
        folder = self.directory or (str(files[0].parent) if files else ".")
        given = [part for each in self.environment_files for part in ("--env-file", each)]
        try:
            answer = cli.compose_config(
                ["--project-directory", folder, *given, "--file", path], descriptors=[int(path.rpartition("/")[2])]
            )
        finally:
            os.close(int(path.rpartition("/")[2]))
        found = answer["x-variables"]
        return {name: each["value"].replace("$$", "$") for name, each in found.items() if each["set"]}

    def anywhere(self) -> dict[str, Any]:
        """Return what finds the project and its variables from any working directory."""
        files = render.project_files(self.files, self.directory)
        directory = Path(self.directory or (files[0].parent if files else "")).resolve()
        return {
            "files": [str(path.resolve()) for path in files],
            "name": self.name,
            "directory": str(directory),
            "profiles": list(self.profiles),
            "environment_files": [str(Path(each).resolve()) for each in self.environment_files],
        }

    def with_project(self, path: str, project: str) -> list[str]:
        """Return the arguments that make Compose use a rendered project instead of the files."""
        files = render.project_files(self.files, self.directory)
        folder = self.directory or (str(files[0].resolve().parent) if files else ".")
        where = ["--project-name", project, "--project-directory", folder, "--file", path]
        return [*where, *self._profiles(), *self.words]


class Prepared(NamedTuple):
    """The arguments for Compose of a project that is staged, its name, and the containers that were signalled."""

    arguments: Sequence[str]
    project: str
    told: Sequence[Told]
    place: Staging
    services: Sequence[str]

    def settle(self) -> None:
        """Remember that the services took their signals; until then they get them again."""
        self.place.remember_told(self.services)


def project_name(options: Options) -> str:
    """Return the name of the project, as Compose makes it."""
    return str(options.render()["name"])


def prepare(
    options: Options, words: Sequence[str], store: Store | None, origin: Mapping[str, object],
    choose: Callable[[Source], Source] = lambda source: source,
) -> Prepared | None:  # fmt: skip
    """Stage what the services are granted, and return how Compose is to be called with it.

    None if the project has no secrets, so that Compose needs no help. ``words`` are the command and its arguments: they
    may name services whose profiles are not active. ``choose`` says which version a rotation wants. Running services
    that are signalled, and that ``words`` mean, have it already.

    Raises:
        SecretsMissing: a secret is nowhere; nothing was changed.
        DeclarationError, DeliveryError, EngineError: see their messages.
    """
    rendered = options.render()
    name = str(rendered["name"])
    files = render.project_files(options.files, options.directory)
    project = compose.parse(rendered, files[0] if files else Path("the project"))
    services = _active(rendered, options, words)
    plan = Plan(project, rendered, services, store, options, choose)
    if not plan.sources:
        return None
    declared.require(list(plan.sources.values()))
    engine = Engine.connect()
    with exclusively(f"compose-{os.getuid()}-{name}", f"project '{name}'"):
        place = Staging(memory.base(engine) / name)
        staged = plan.stage(engine, place)
        started = _started(rendered, services, words)
        audited.record(store, plan.deliveries(name, started))
        place.point(staged, started)
        # What containers have mounted stays known until they are gone.
        former = (staging.load_manifest(staging.manifest_path(name)) or {}).get("staged", [])
        staged += [each for each in former if each not in staged and place.has(each)]
        staging.save_manifest(name, place, staged, {**origin, "options": options.anywhere()})
        untold = place.untold(set(started).intersection(project.extension.signals))
        told = signals.tell(engine, name, {each: project.extension.signals[each] for each in untold})
    path = render.in_memory(json.dumps(rendered).encode())
    return Prepared(options.with_project(path, name), name, told, place, untold)


def restore(manifest: Path, store: Store | None, engine: Engine | None) -> int:
    """Stage again what a project had staged before a reboot, at the same paths; return how many files were missing.

    Without an Engine only root can, which is what happens before Docker starts.

    Raises:
        DeliveryError: there is nothing to restore, or a value is not to be had any more.
    """
    content = staging.load_manifest(manifest)
    if content is None:
        raise DeliveryError(f"nothing is staged: there is no {manifest}. Bring the project up: strongroom compose up")
    place = Staging(Path(content["directory"]))
    missing = [each for each in content["staged"] if not place.has(each)]
    if missing:
        place.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = list(zip(missing, _former_values(missing, store, Options(**content["options"])), strict=True))
        if engine is None:
            place.write(wanted)
        else:
            place.put(engine, wanted)
        for each, value in wanted:
            if not each.id:
                place.set_count(each.secret, each.version, value)
        place.point(content["staged"], ())
    return len(missing)


def clean(name: str) -> None:
    """Remove what no container of the project uses: old versions, or all of it when there is no container."""
    manifest = staging.manifest_path(name)
    content = staging.load_manifest(manifest)
    if content is None:
        return
    place = Staging(Path(content["directory"]))
    containers = Engine.connect().get("/containers/json", all=1, filters={"label": [f"{PROJECT}={name}"]})
    if not containers:
        place.remove()
        manifest.unlink(missing_ok=True)
        return
    mounted = {Path(mount["Source"]) for each in containers for mount in each["Mounts"] if mount.get("Source")}
    staging.save_manifest(name, place, place.sweep(content.pop("staged"), mounted), content)


def _former_values(missing: Sequence[Staged], store: Store | None, options: Options) -> list[Value]:
    of_store = [(Name(each.secret), each.version) for each in missing if each.id]
    if of_store and store is None:
        raise DeliveryError(f"secret '{missing[0].secret}' is in a store that is not there any more.")
    stored = iter(store.read_many(of_store) if store and of_store else [])
    names = [each.variable for each in missing if each.variable]
    variables = options.variables(names) if names else {}
    found = []
    for each in missing:
        if each.id:
            found.append(next(stored))
            continue
        reference = Reference.parse(each.reference) if each.reference else None
        external = not each.file and not each.variable
        secret = DeclaredSecret(
            each.secret, each.secret, Path(each.file) if each.file else None, each.variable or None, external,
            reference=reference,
        )  # fmt: skip
        sources = declared.locate([secret], store, variables)
        declared.require(sources)
        found += declared.values(sources, store, variables)
    return found


def _active(rendered: Json, options: Options, words: Sequence[str]) -> list[str]:
    """Return the services that Compose may start: without a profile, with an active one, or named."""
    profiles = {*options.profiles, *os.environ.get("COMPOSE_PROFILES", "").split(",")}
    return [
        name
        for name, service in (rendered.get("services") or {}).items()
        if "*" in profiles or not service.get("profiles") or profiles.intersection(service["profiles"]) or name in words
    ]


def _started(rendered: Json, active: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return the services that a command starts: those that it names and what they depend on, or all active ones."""
    named = [each for each in words if each in active]
    if not named:
        return list(active)
    for name in named if "--no-deps" not in words else ():
        depends = rendered["services"][name].get("depends_on") or {}
        named += [each for each in depends if each in active and each not in named]
    return named


def engine_if_any() -> Engine | None:
    """Return the Engine, or None where none runs."""
    try:
        return Engine.connect()
    except EngineError:
        return None
