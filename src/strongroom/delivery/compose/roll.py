"""Giving a version to the containers of Compose projects that hold a secret, and to no others.

They are recreated, or signalled where the project says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ...docker import cli
from ...docker.engine import Engine
from ...errors import DeploymentFailed, EngineError
from ...model import Name, Stage
from ...stores.base import Store
from ..declared import Source
from . import project, signals, staging
from .project import Options
from .signals import PROJECT, SERVICE


class ComposeProjects(NamedTuple):
    """The Compose projects of this user that hold one secret of the store; see ``rotation.base.Delivery``."""

    engine: Engine
    store: Store
    name: Name
    timeout: float

    def holders(self) -> Sequence[str]:
        """Return the services' names, with their projects'."""
        return sorted(
            f"{title}/{service}" for title, content in self._projects() for service in self._running(title, content)
        )

    def roll(self, version: int, former: int) -> None:
        """Recreate or signal the containers that hold another version, and wait until they are healthy.

        Raises:
            DeploymentFailed: they are not.
        """
        for title, content in self._projects():
            services = self._running(title, content)
            if not services:
                continue
            options = Options(**content["options"])
            origin = {key: content[key] for key in ("store", "identity") if key in content}
            chosen = partial(Source.choose, name=self.name, version=version, former=former)
            command = ["up", "-d", "--no-deps", "--wait", "--wait-timeout", str(int(self.timeout)), *services]
            prepared = project.prepare(options, command, self.store, origin, chosen)
            if prepared is None:  # the project has no secrets any more
                continue
            try:
                arguments = ["compose", *prepared.arguments, *command]
                cli.run(arguments, f"project '{title}'", descriptors=_descriptors(arguments))
            except EngineError as error:
                raise DeploymentFailed(str(error), rollback=True) from None
            signals.watch(self.engine, prepared.told, self.timeout)
            prepared.settle()
            project.clean(title)

    def prune(self, keep: int, version: int | None = None) -> Sequence[int]:
        """Remove staged files that no container uses: with each version that nobody holds."""
        for title, _ in self._projects():
            project.clean(title)
        return []

    def held(self) -> frozenset[int]:
        """Return the versions that are staged."""
        return frozenset(
            each.version for _, content in self._projects() for each in content["staged"] if each.secret == self.name
        )

    def _projects(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield name and manifest of each project that has the secret staged."""
        identity = self.store.inspect(self.name).id
        for path in sorted(staging.manifest_path("any").parent.glob("*.json")):
            content = staging.load_manifest(path)
            if content and any(each.secret == self.name and each.id == identity for each in content["staged"]):
                yield path.stem, content

    def _running(self, title: str, content: Mapping[str, Any]) -> list[str]:
        """Return the services whose containers have one of the secret's files mounted, and run.

        One that has the pending version, and may have ended because of it, counts as well.
        """
        pending = self.store.inspect(self.name).stages.get(Stage.PENDING)
        found = set()
        for container in self.engine.get("/containers/json", all=1, filters={"label": [f"{PROJECT}={title}"]}):
            for mount in container["Mounts"]:
                versions = staging.versions_in(Path(content["directory"]), Path(mount.get("Source") or "/"), self.name)
                if versions and (container["State"] == "running" or pending in versions):
                    found.add(str(container["Labels"][SERVICE]))
        return sorted(found)


def _descriptors(arguments: Sequence[str]) -> list[int]:
    """Return the descriptors that arguments name, so that a process inherits them."""
    prefix = "/proc/self/fd/"
    return [int(each.removeprefix(prefix)) for each in arguments if each.startswith(prefix)]
