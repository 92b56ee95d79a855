"""Facts of Compose containers: the files that they have mounted, and what strongroom staged for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ..delivery.compose import staging
from ..docker.engine import Engine, Json
from ..errors import DeliveryError
from . import seen
from .model import Held, Kind, Known, Subject, absolute
from .project import Project

PROJECT, SERVICE, ONE_OFF, DIRECTORY = (
    f"com.docker.compose.{each}" for each in ("project", "service", "oneoff", "project.working_dir")
)
_STAGED = re.compile(r"(?P<secret>.+)\.v(?P<version>\d+)(?:-(?P<id>[^.]*))?\.(?P<uid>\d+)\.(?P<gid>\d+)\.(?P<mode>\d+)")
_DIRECTORY = "/run/secrets/"


def find(engine: Engine, project: str) -> list[Json]:
    """Return the containers of a project's services."""
    found = engine.get("/containers/json", all=1, filters={"label": [f"{PROJECT}={project}", f"{ONE_OFF}=False"]})
    inspected = (seen.inspect(engine, each["Id"]) for each in found)
    return [each for each in inspected if each]


def gather(engine: Engine, project: Project, containers: Sequence[Json]) -> list[Subject]:
    """Return containers as subjects."""
    return [_subject(engine, project, each) for each in containers]


def service_of(container: Json) -> str:
    """Return the service that a container is of; empty if it is no Compose project's."""
    return str((container["Config"].get("Labels") or {}).get(SERVICE, ""))


def _subject(engine: Engine, project: Project, container: Json) -> Subject:
    labels, state = container["Config"].get("Labels") or {}, container["State"]
    ours = labels.get(PROJECT) == project.name
    service = project.services.get(labels.get(SERVICE, "")) if ours else None
    variables = seen.variables_of(container["Config"].get("Env"))
    targets = [absolute(grant.target) for grant in service.grants] if service else []
    health = (state.get("Health") or {}).get("Status", "healthy")
    return Subject(
        container["Name"].removeprefix("/"),
        Kind.CONTAINER,
        service,
        tuple(_held(engine, container, _staging_directory(labels.get(PROJECT)), project.known, targets)),
        seen.users_of_container(engine, container),
        variables,
        project.origins.get(service.name, {}) if service else {},
        seen.mentioned(engine, container),
        seen.absent(engine, container, seen.paths_in(variables.items())),
        project.compose_up if service else "",
        project.grant_options(service.name) if service else "",
        health != "unhealthy" if state["Status"] == "running" else state["ExitCode"] == 0,
    )


def _held(
    engine: Engine, container: Json, place: Path | None, known: Sequence[Known], targets: Sequence[str]
) -> Iterator[Held]:
    mounts = {each["Destination"]: each for each in container["Mounts"]}
    for target, mount in mounts.items():
        if mount["Type"] == "bind" and (target in targets or target.startswith(_DIRECTORY)):
            yield _mounted(engine, container, mount, place, known)
    covers = [*mounts, *(container["HostConfig"].get("Tmpfs") or {})]
    for target in targets:
        if target not in mounts and (file := seen.file_of(engine, container["Id"], target)):
            cover = next((each for each in covers if target.startswith(f"{each.rstrip('/')}/")), "")
            name = target.removeprefix(_DIRECTORY)
            yield Held(name, target, file.uid, file.gid, file.mode, hidden_by=cover)


def _mounted(engine: Engine, container: Json, mount: Json, place: Path | None, known: Sequence[Known]) -> Held:
    target, source = mount["Destination"], Path(mount["Source"])
    staged = _STAGED.fullmatch(source.name) if source.parent == place else None
    file = seen.file_of(engine, container["Id"], target)
    if staged is None:
        name = next((each.key for each in known if _is_file(each, source)), target.rpartition("/")[2])
        uid, gid, mode = (file.uid, file.gid, file.mode) if file else (0, 0, 0o444)
        directory = bool(file and file.directory)
        fresh = _is_same(container, target, source)
        return Held(name, target, uid, gid, mode, fresh=fresh, path=str(source), directory=directory)
    uid, gid, mode = int(staged["uid"]), int(staged["gid"]), int(staged["mode"], 8)
    if file:
        uid, gid, mode = file.uid, file.gid, file.mode
    version, current, fresh = int(staged["version"]), None, None
    for each in known:
        stored = each.source.stored if each.source else None
        if staged["id"] and stored and stored.name == staged["secret"] and each.source:
            current, fresh = each.source.version, stored.id.startswith(staged["id"])
    return Held(
        staged["secret"], target, uid, gid, mode, version, current, fresh, staged=True, lost=not source.exists()
    )


def _is_file(known: Known, source: Path) -> bool:
    file = known.source.secret.file if known.source else None
    return file is not None and file.resolve() == source.resolve()


def _is_same(container: Json, target: str, source: Path) -> bool | None:
    """Tell whether a container still has the file that is at ``source`` now: an editor puts a new one in its place."""
    pid = container["State"].get("Pid") or 0
    if pid and seen.is_here(pid, container["Id"]):
        with suppress(OSError):
            return source.samefile(f"/proc/{pid}/root{target}")
    return None


def _staging_directory(project: str | None) -> Path | None:
    """Return where strongroom staged a project's files on this machine."""
    if project:
        with suppress(DeliveryError):
            content = staging.load_manifest(staging.manifest_path(project))
            return Path(content["directory"]) if content else None
    return None
