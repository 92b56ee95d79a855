"""Swarm services on their way to what their specs say: watched by events, judged by the states of their tasks.

Swarm says of an update that it is over (``UpdateStatus``) after it watched each new task for the service's ``monitor``
time. Of a service that was just created it says nothing: there we look for as long ourselves, unless a healthcheck has
spoken for the task.
"""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..errors import EngineError
from .engine import Engine, Json
from .stuck import Helper

_NANOSECONDS = 1e9
_MONITOR_SECONDS = 5.0  # swarmkit's default for UpdateConfig.Monitor
# Tasks on other nodes send no events here, so that we look again at least this often.
_LOOK_AGAIN_SECONDS = 1.0
# The manager hears of an event a little later than we do: for a while after one we look again sooner.
_SOON_SECONDS = 0.15
_SOON_AGAIN = 8
# A service that waits for another one may fail a few times at first; Docker waits 5 s before each new try.
_FAILURES_IN_A_ROW = 5
_OVER = ("complete", "failed", "rejected")


class State(StrEnum):
    """How far a service is."""

    UPDATING = "updating"
    CONVERGED = "converged"
    FAILED = "failed"
    SUPERSEDED = "changed by somebody else"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Progress:
    """One service at one look. ``problem`` is the last thing that went wrong with one of its tasks, if any."""

    name: str
    state: State
    running: int
    wanted: int
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.running}/{self.wanted} {self.state}{f' ({self.problem})' if self.problem else ''}"


@dataclass
class _Watched:
    """What we remember of a service between two looks."""

    spec: Json
    known_tasks: frozenset[str]
    same: Callable[[Json, Json], bool]
    until_gone: bool
    helper: Helper
    since: dict[str, float] = field(default_factory=dict)
    failures: dict[object, set[str]] = field(default_factory=dict)


class Watcher:
    """Watches services from one moment on: make it before you change them."""

    def __init__(self, engine: Engine) -> None:
        """Remember the tasks that there are, and how each service's last update ended."""
        self._engine = engine
        self._known = frozenset(task["ID"] for task in engine.get("/tasks"))
        self._ended = {each["ID"]: each.get("UpdateStatus") for each in engine.get("/services")}
        self._nodes: Mapping[str, str] = {}

    def wait(
        self, services: Iterable[Json], report: Callable[[Sequence[Progress]], None], timeout: float,
        same: Callable[[Json, Json], bool] = operator.eq, until_gone: bool = False,
    ) -> Sequence[Progress]:  # fmt: skip
        """Wait until each service converged or failed, and return how each ended.

        ``services`` are as they were right after they were changed; ``report`` is called after each look; after
        ``timeout`` seconds what has not converged counts as failed. ``same`` tells whether a service's spec is still
        what it was changed to; otherwise somebody else changed it. With ``until_gone`` a service has converged when
        its former tasks ended too: Swarm calls an update completed while they have their time to stop.

        Raises:
            EngineError: the Engine went away.
        """
        watched = {
            each["ID"]: _Watched(each["Spec"], self._known, same, until_gone, Helper(self._engine, each, self._known))
            for each in services
        }
        deadline, soon = time.monotonic() + timeout, _SOON_AGAIN
        changed = threading.Event()
        threading.Thread(target=self._listen, args=(changed,), daemon=True, name="events").start()
        while True:
            progress = self._look(watched)
            report(progress)
            if all(each.state is not State.UPDATING for each in progress):
                return progress
            if time.monotonic() > deadline:
                return [_timed_out(each, timeout) if each.state is State.UPDATING else each for each in progress]
            if changed.wait(_SOON_SECONDS if soon else _LOOK_AGAIN_SECONDS):
                soon = _SOON_AGAIN
            soon = max(0, soon - 1)
            changed.clear()

    def _listen(self, changed: threading.Event) -> None:
        try:
            for event in Engine.connect().events(type=["service", "node", "container"]):
                if event["Type"] != "container" or event["Action"].partition(":")[0] in (
                    "start",
                    "die",
                    "health_status",
                ):
                    changed.set()
        except EngineError:
            changed.set()  # whoever looks next says what is wrong

    def _look(self, watched: Mapping[str, _Watched]) -> Sequence[Progress]:
        if not watched:
            return []
        found = {each["ID"]: each for each in self._engine.get("/services", filters={"id": list(watched)})}
        tasks: dict[str, list[Json]] = {identity: [] for identity in watched}
        for task in self._engine.get("/tasks", filters={"service": list(watched)}):
            if task["ServiceID"] in tasks:
                tasks[task["ServiceID"]].append(task)
        for identity, service in found.items():
            if watched[identity].helper.help_on(service, self._update(service), tasks[identity]):
                found[identity] = self._engine.get(f"/services/{identity}")
        return [
            self._judge(found[identity], each, tasks[identity])
            if identity in found
            else Progress(each.spec["Name"], State.REMOVED, 0, 0)
            for identity, each in watched.items()
        ]

    def _judge(self, service: Json, watched: _Watched, tasks: Sequence[Json]) -> Progress:
        spec, update = service["Spec"], self._update(service)
        current = [task for task in tasks if is_current(task, spec)]
        wanted, running = _wanted(spec, current), _running(spec, current)
        problem = self._problem(spec["Name"], watched, tasks)
        state = State.UPDATING
        if update in ("paused", "rollback_paused", "rollback_completed"):
            state = State.FAILED
        elif not update.startswith("rollback") and not watched.same(spec, watched.spec):
            state = State.SUPERSEDED
        elif len(running) >= wanted and update in ("", "completed"):
            stable = update == "completed" or _is_job(spec) or self._is_stable(spec, watched, running)
            if stable and not (watched.until_gone and self._leaving(tasks)):
                return Progress(spec["Name"], State.CONVERGED, len(running), wanted)
        elif (update in ("", "completed") or _continues(spec)) and _gave_up(spec, watched):
            state = State.FAILED
        return Progress(spec["Name"], state, len(running), wanted, problem)

    def _update(self, service: Json) -> str:
        """Return the state of a service's update; one that was over before we came says nothing of what we watch."""
        status = service.get("UpdateStatus") or {}
        return "" if status == self._ended.get(service["ID"]) else str(status.get("State", ""))

    def _is_stable(self, spec: Json, watched: _Watched, running: Sequence[Json]) -> bool:
        if (spec["TaskTemplate"].get("ContainerSpec") or {}).get("Healthcheck", {}).get("Test", ["NONE"]) != ["NONE"]:
            return True  # such a task is only 'running' once it is healthy
        now = time.monotonic()
        fresh = [task["ID"] for task in running if task["ID"] not in watched.known_tasks]
        watched.since = {identity: watched.since.get(identity, now) for identity in fresh}
        monitor = (spec.get("UpdateConfig") or {}).get("Monitor", 0) / _NANOSECONDS or _MONITOR_SECONDS
        return all(now - since >= monitor for since in watched.since.values())

    def _leaving(self, tasks: Sequence[Json]) -> bool:
        """Tell whether a task still runs that shall not; one on a node that is down may say so for ever."""
        nodes = {
            task.get("NodeID")
            for task in tasks
            if task["DesiredState"] in ("shutdown", "remove") and task["Status"]["State"] in ("starting", "running")
        }
        return bool(nodes) and any(
            each["ID"] in nodes and each["Status"]["State"] != "down" for each in self._engine.get("/nodes")
        )

    def _problem(self, name: str, watched: _Watched, tasks: Sequence[Json]) -> str:
        """Return the last thing that went wrong since we watch, and count it."""
        new = [task for task in tasks if task["ID"] not in watched.known_tasks]
        wrong = []
        for task in new:
            if task["Status"]["State"] in _OVER and task["DesiredState"] != "complete":
                if task["Status"].get("Err") or task["Status"]["State"] != "complete":
                    wrong.append(task)
                watched.failures.setdefault(task.get("Slot") or task.get("NodeID"), set()).add(task["ID"])
            elif task["Status"]["State"] == "pending" and task["Status"].get("Err"):
                wrong.append(task)
        if not wrong:
            return ""
        last = max(wrong, key=lambda task: str(task["Status"]["Timestamp"]))
        status = last["Status"]
        where = f"task {name}.{last.get('Slot') or last.get('NodeID')}"
        if last.get("NodeID"):
            where += f" on {self._node(last['NodeID'])}"
        return f"{where}: {status.get('Err') or status.get('Message') or status['State']}"

    def _node(self, identity: str) -> str:
        if identity not in self._nodes:
            self._nodes = {each["ID"]: each["Description"]["Hostname"] for each in self._engine.get("/nodes")}
        return self._nodes.get(identity, identity)


def is_current(task: Json, spec: Json) -> bool:
    """Tell whether a task is one that Swarm wants to run, made from this spec.

    The Engine's answers show a task's spec with other empty fields than the service's, and without its restart policy:
    only what a container is made from is compared.
    """
    if task["DesiredState"] not in ("running", "complete", "ready"):
        return False
    template = spec["TaskTemplate"]
    return all(
        _without_empty(task["Spec"].get(part)) == _without_empty(template.get(part))
        for part in ("ContainerSpec", "Resources", "ForceUpdate", "LogDriver")
    )


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {}, [], "", 0, False)} or None
    if isinstance(value, list):
        return [_without_empty(each) for each in value] or None
    return value or None


def _is_job(spec: Json) -> bool:
    return "ReplicatedJob" in spec["Mode"] or "GlobalJob" in spec["Mode"]


def _wanted(spec: Json, current: Sequence[Json]) -> int:
    mode = spec["Mode"]
    if "Replicated" in mode:
        return int(mode["Replicated"].get("Replicas", 1))
    if "ReplicatedJob" in mode:
        return int(mode["ReplicatedJob"].get("TotalCompletions", 1))
    return max(1, len({task.get("NodeID") for task in current}))


def _running(spec: Json, current: Sequence[Json]) -> Sequence[Json]:
    wanted = "complete" if _is_job(spec) else "running"
    return [task for task in current if task["Status"]["State"] == wanted]


def _continues(spec: Json) -> bool:
    """Tell whether Swarm goes on with an update whatever becomes of its tasks."""
    return (spec.get("UpdateConfig") or {}).get("FailureAction") == "continue"


def _gave_up(spec: Json, watched: _Watched) -> bool:
    policy = spec["TaskTemplate"].get("RestartPolicy") or {}
    limit = _FAILURES_IN_A_ROW
    if policy.get("Condition") == "none":
        limit = 1
    elif policy.get("MaxAttempts"):
        limit = min(limit, policy["MaxAttempts"] + 1)
    return any(len(tasks) >= limit for tasks in watched.failures.values())


def _timed_out(progress: Progress, timeout: float) -> Progress:
    problem = progress.problem or "its tasks do not start"
    return Progress(
        progress.name, State.FAILED, progress.running, progress.wanted, f"not there after {timeout:.0f} s; {problem}"
    )
