"""Which version of each secret the services' specs and running tasks hold, beside what is current."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ...docker.engine import Engine, Json
from ...errors import SecretNotFound
from ...model import Name, Secret, Stage
from ...stores.base import Store
from . import secrets
from .secrets import Managed


@dataclass(frozen=True, slots=True)
class Row:
    """A service's hold of a secret. ``tasks`` counts the running tasks by version; None is a version not ours."""

    service: str
    secret: str
    declared: int | None
    tasks: Mapping[int | None, int]
    current: int | None
    stored: Secret | None = None

    @property
    def state(self) -> str:
        """Say in a word how it stands."""
        if self.current is None:
            return "unmanaged" if self.declared is None else "unknown"
        if self.declared != self.current:
            return "stale"
        return "current" if not set(self.tasks) - {self.current} else "rolling"


def look(engine: Engine, store: Store | None, stack: str | None = None) -> list[Row]:
    """Return all holds of all services, or of a stack's."""
    managed = {each.id: each for each in secrets.find_managed(engine)}
    filters = {"label": [f"{secrets.NAMESPACE}={stack}"]} if stack else {}
    services = sorted(engine.get("/services", filters=filters), key=lambda each: str(each["Spec"]["Name"]))
    running = [task for task in engine.get("/tasks") if _runs(task)]
    rows = []
    for service in services:
        tasks = [task for task in running if task["ServiceID"] == service["ID"]]
        for reference in secrets.references(service["Spec"]["TaskTemplate"]):
            target = reference["File"]["Name"]
            held = [
                managed.get(each["SecretID"])
                for task in tasks
                for each in secrets.references(task["Spec"])
                if each["File"]["Name"] == target
            ]
            ours = managed.get(reference["SecretID"])
            stored = _stored(ours, store) if ours else None
            rows.append(
                Row(
                    service["Spec"]["Name"],
                    ours.lineage.secret if ours else reference["SecretName"],
                    ours.version if ours else None,
                    Counter(each.version if each else None for each in held),
                    _current(ours, stored, list(managed.values())) if ours else None,
                    stored,
                )
            )
    return rows


def _runs(task: Json) -> bool:
    """Tell whether a task runs and shall; one on a node that died says that it runs for ever."""
    return bool(task["Status"]["State"] == task["DesiredState"] == "running")


def _current(ours: Managed, stored: Secret | None, managed: list[Managed]) -> int | None:
    if ours.lineage.owner.startswith("stack/"):
        return max(each.version for each in managed if each.lineage == ours.lineage)
    return stored.stages[Stage.CURRENT] if stored else None


def _stored(ours: Managed, store: Store | None) -> Secret | None:
    try:
        found = store.inspect(Name(ours.lineage.secret)) if store else None
    except SecretNotFound:
        return None
    return found if found and found.id == ours.lineage.owner else None
