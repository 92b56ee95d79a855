"""Updates that stopped through no fault of what they bring: Swarm is made to go on with them.

There are two. swarmkit (manager/orchestrator/update/updater.go) waits for each new task to run or to fail: one that was
given to a node that died does neither, although another takes its place, and the update stops there for good. And a
task fails where the Engine itself could not start its container: it makes a secret's directory read-only right after
it wrote it, which the kernel refuses while anybody has a file of it open (moby#48783). That pauses the update, or rolls
it back, as if the new version were bad.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import EngineError
from .engine import Engine, Json

_BEFORE_RUNNING = ("new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting")
_FAILED = ("failed", "rejected")
_STOPPED = ("paused", "rollback_paused", "rollback_completed")
_ENGINE_FAULT = "device or resource busy"
_MOST_RESTARTS = 3
_AGAIN = "strongroom.again"


class Helper:
    """Helps the update of one service on, as often as it stops for such a reason."""

    def __init__(self, engine: Engine, service: Json, known: frozenset[str]) -> None:
        """Help a service, given as it was right after it was changed, when there were the tasks ``known``."""
        self._engine, self._spec, self._excused = engine, service["Spec"], known
        self._lost: frozenset[str] = frozenset()
        self._restarts = 0

    def help_on(self, service: Json, state: str, tasks: Sequence[Json]) -> bool:
        """Look at a service, the state of its update, and its tasks; tell whether it was changed to start anew."""
        if state == "updating":
            return self._leave_lost_tasks(service, tasks)
        return state in _STOPPED and self._excuse_engine(service, state, tasks)

    def _leave_lost_tasks(self, service: Json, tasks: Sequence[Json]) -> bool:
        """Start an update anew that waits for a task on a node that is down."""
        lost = frozenset(
            task["ID"]
            for task in tasks
            if task["DesiredState"] == "shutdown" and task["Status"]["State"] in _BEFORE_RUNNING
        )
        if not lost - self._lost:
            return False
        down = {each["ID"] for each in self._engine.get("/nodes") if each["Status"]["State"] == "down"}
        if not any(task["ID"] in lost and task.get("NodeID") in down for task in tasks):
            return False
        self._lost = lost
        self._start_anew(service)
        return True

    def _excuse_engine(self, service: Json, state: str, tasks: Sequence[Json]) -> bool:
        """Start an update anew that stopped since the Engine could not start a container, but not for ever."""
        failed = [task for task in tasks if task["Status"]["State"] in _FAILED and task["ID"] not in self._excused]
        ours = all(_ENGINE_FAULT in (task["Status"].get("Err") or "") for task in failed)
        if not failed or not ours or self._restarts == _MOST_RESTARTS:
            return False
        self._restarts += 1
        self._excused |= {task["ID"] for task in failed}
        if state == "paused":
            self._start_anew(service)
        else:  # Swarm put the former spec back
            self._change(service["ID"], service["Spec"], self._spec)
        return True

    def _start_anew(self, service: Json) -> None:
        """Change a service in a way that replaces no task, and change it back: an update to the same spec is none."""
        spec = service["Spec"]
        again = {**spec, "Labels": {**(spec.get("Labels") or {}), _AGAIN: ""}}
        self._change(service["ID"], spec, again)
        self._change(service["ID"], again, spec)

    def _change(self, identity: str, spec: Json, changed: Json) -> None:
        """Give a service another spec, as long as it has this one; Swarm changes its version while it updates it."""
        while (service := self._engine.get(f"/services/{identity}"))["Spec"] == spec:
            try:
                self._engine.post(f"/services/{identity}/update", changed, version=service["Version"]["Index"])
            except EngineError as error:
                if "out of sequence" not in str(error):
                    raise
