"""Telling containers of a changed secret by a signal, and watching what they make of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ...docker.engine import Engine, Json
from ...errors import DeploymentFailed, EngineError

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
_ONCE = "com.docker.compose.oneoff"
# As long as Swarm watches a task that has no healthcheck, unless told otherwise.
_WATCH = timedelta(seconds=5)
_LOOK_AGAIN_SECONDS = 0.2


class Told(NamedTuple):
    """A container that got a signal: which one and when, and when the container was started."""

    container: str
    service: str
    signal: str
    at: datetime
    started: str


def tell(engine: Engine, project: str, signals: Mapping[str, str]) -> list[Told]:
    """Send each service's running containers its signal; those of ``compose run`` are left alone.

    Raises:
        EngineError: the Engine refuses.
    """
    told = []
    filters = {"label": [f"{PROJECT}={project}"], "status": ["running"]}
    for each in engine.get("/containers/json", filters=filters) if signals else ():
        labels = each["Labels"]
        if labels.get(_ONCE) == "True" or labels[SERVICE] not in signals:
            continue
        state, now = engine.get(f"/containers/{each['Id']}/json")["State"], datetime.now(UTC)
        word = signals[labels[SERVICE]]
        engine.post(f"/containers/{each['Id']}/kill", signal=word)
        told.append(Told(each["Id"], f"{project}/{labels[SERVICE]}", word, now, state["StartedAt"]))
    return told


def watch(engine: Engine, told: Iterable[Told], timeout: float) -> None:
    """Wait until each container's healthcheck passed since it was told, or it ran on for five seconds without one.

    Raises:
        DeploymentFailed: one ended, or is not healthy after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    for each in told:
        while (state := _state(engine, each)) is not None and not _is_well(state, each):
            if state["StartedAt"] != each.started or not state["Running"]:
                raise DeploymentFailed(f"service {each.service} ended when it got {each.signal}.", rollback=True)
            if time.monotonic() > deadline or (state.get("Health") or {}).get("Status") == "unhealthy":
                raise DeploymentFailed(
                    f"service {each.service} is not healthy since it got {each.signal}.", rollback=True
                )
            time.sleep(_LOOK_AGAIN_SECONDS)


def _state(engine: Engine, told: Told) -> Json | None:
    """Return a container's state; None if it was replaced meanwhile, which Compose has watched."""
    try:
        state: Json = engine.get(f"/containers/{told.container}/json")["State"]
    except EngineError as error:
        if error.status != 404:
            raise
        return None
    return state


def _is_well(state: Json, told: Told) -> bool:
    if state["StartedAt"] != told.started or not state["Running"]:
        return False
    if not state.get("Health"):
        return datetime.now(UTC) - told.at >= _WATCH
    probes = state["Health"].get("Log") or []
    return any(each["ExitCode"] == 0 and datetime.fromisoformat(each["Start"]) > told.at for each in probes)
