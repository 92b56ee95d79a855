"""Giving a version to all services that hold a secret, side by side, whichever stack they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ...docker.engine import Engine, Json
from ...docker.services import Progress, State, Watcher
from ...errors import DeploymentFailed
from ...model import Name
from ...stores import audited
from ...stores.audited import Event, Happening
from ...stores.base import Store
from . import secrets, specs
from .adopt import ensure
from .secrets import Lineage, Managed

Report = Callable[[Sequence[Progress]], None]


class SwarmServices(NamedTuple):
    """The services of a swarm that hold one secret of the store; see ``rotation.base.Delivery``."""

    engine: Engine
    store: Store
    name: Name
    report: Report
    timeout: float

    def holders(self) -> Sequence[str]:
        """Return the services' names."""
        return sorted(str(each["Spec"]["Name"]) for each in self._holding())

    def roll(self, version: int, former: int) -> None:
        """Give ``version`` to all of them, and ``former`` to those that ask for ``NAME_previous`` too.

        Raises:
            DeploymentFailed: one of them did not converge, or somebody else changed it.
        """
        holding = self._holding()
        if not holding:
            return
        new = ensure(self.engine, self.store, self.name, version)
        old = ensure(self.engine, self.store, self.name, former) if any(map(self._asks_for_both, holding)) else new
        ours = frozenset(each.id for each in self._managed())

        def edit(spec: Json) -> Json:
            return specs.repoint(spec, lambda reference: self._choose(reference, ours, new, old))

        audited.record(self.store, [event for each in holding for event in self._deliveries(each, ours, new, old)])
        watcher = Watcher(self.engine)
        changed = [service for each in holding if (service := specs.change(self.engine, each["ID"], edit))]
        # Others may change other things meanwhile: what counts is what the spec says of this secret.
        # A task that has its time to stop logs in with what it holds: the system behind it must not change before.
        ended = watcher.wait(changed, self.report, self.timeout, lambda spec, _: edit(spec) == spec, until_gone=True)
        failed = [each for each in ended if each.state not in (State.CONVERGED, State.REMOVED)]
        if failed:
            what = "; ".join(f"service {each.name} failed: {each.problem or each.state}" for each in failed)
            raise DeploymentFailed(f"{what}.", rollback=True)

    def prune(self, keep: int, version: int | None = None) -> Sequence[int]:
        """Remove Swarm secrets that nothing holds: those past the newest ``keep``, or that of ``version``."""
        if version is None:
            return [each.version for each in secrets.prune(self.engine, {self._lineage: keep})]
        gone = {each.id for each in self._managed() if each.version == version}
        specs.forget(self.engine, self.engine.get("/services"), gone)
        secrets.remove(self.engine, gone - secrets.in_use(self.engine))
        return [version] if gone else []

    def held(self) -> frozenset[int]:
        """Return the versions that a service's spec, its spec before, or a living task holds."""
        held = secrets.in_use(self.engine)
        return frozenset(each.version for each in self._managed() if each.id in held)

    @property
    def _lineage(self) -> Lineage:
        return secrets.of_store(self.store.inspect(self.name))

    def _managed(self) -> list[Managed]:
        lineage = self._lineage
        return [each for each in secrets.find_managed(self.engine) if each.lineage == lineage]

    def _holding(self) -> list[Json]:
        ours = {each.id for each in self._managed()}
        return [
            service
            for service in self.engine.get("/services")
            if any(each["SecretID"] in ours for each in secrets.references(service["Spec"]["TaskTemplate"]))
        ]

    def _asks_for_both(self, service: Json) -> bool:
        return any(map(self._is_previous, secrets.references(service["Spec"]["TaskTemplate"])))

    def _is_previous(self, reference: Json) -> bool:
        return str(reference["File"]["Name"]).rpartition("/")[2] == f"{self.name}_previous"

    def _deliveries(self, service: Json, ours: frozenset[str], new: Managed, old: Managed) -> Iterator[Event]:
        """Yield what a service gets that it does not hold yet, for the store's audit."""
        for reference in secrets.references(service["Spec"]["TaskTemplate"]):
            managed = self._choose(reference, ours, new, old)
            if managed and managed.id != reference["SecretID"]:
                to = str(service["Spec"]["Name"])
                yield Event(Happening.DELIVER, self.name, managed.version, {"to": to})

    def _choose(self, reference: Json, ours: frozenset[str], new: Managed, old: Managed) -> Managed | None:
        if reference["SecretID"] not in ours | {new.id, old.id}:
            return None
        return old if self._is_previous(reference) else new
