"""Which updates Swarm is made to go on with, and how often."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest

from strongroom.docker.engine import Engine, Json
from strongroom.docker.stuck import Helper

_BUSY = "starting container failed: unable to remount dir as readonly: /x/mounts/secrets: device or resource busy"
_NEW, _OLD = {"Name": "app", "TaskTemplate": {"new": True}}, {"Name": "app", "TaskTemplate": {}}


class _Swarm:
    """A service, and all specs that it was given."""

    def __init__(self, spec: Json) -> None:
        self.service: Json = {"ID": "s", "Spec": spec, "Version": {"Index": 1}}
        self.given: list[Json] = []
        self.engine = create_autospec(Engine)
        self.engine.get.side_effect = lambda _: self.service
        self.engine.post.side_effect = self._update

    def _update(self, path: str, spec: Json, version: int) -> None:
        assert version == self.service["Version"]["Index"]
        self.service = {**self.service, "Spec": spec, "Version": {"Index": version + 1}}
        self.given.append(spec)


def _task(identity: str, error: str, state: str = "failed") -> dict[str, Any]:
    return {"ID": identity, "DesiredState": "shutdown", "Status": {"State": state, "Err": error}}


def test_a_paused_update_is_started_anew_but_not_for_ever() -> None:
    swarm = _Swarm(_NEW)
    helper = Helper(swarm.engine, swarm.service, frozenset({"before"}))
    tasks = [_task("before", "another reason")]
    for number in range(5):
        tasks.append(_task(str(number), _BUSY))
        assert helper.help_on(swarm.service, "paused", tasks) == (number < 3)
        assert swarm.service["Spec"] == _NEW
    assert len(swarm.given) == 6
    assert swarm.given[0] == {**_NEW, "Labels": {"strongroom.again": ""}}


def test_one_that_was_rolled_back_gets_its_spec_again() -> None:
    swarm = _Swarm(_NEW)
    helper = Helper(swarm.engine, swarm.service, frozenset())
    swarm.service["Spec"] = _OLD
    assert helper.help_on(swarm.service, "rollback_completed", [_task("1", _BUSY)])
    assert swarm.given == [_NEW]


@pytest.mark.parametrize(
    ("state", "tasks"),
    [
        ("paused", []),
        ("paused", [_task("1", "task: non-zero exit (3)")]),
        ("paused", [_task("1", _BUSY), _task("2", "task: non-zero exit (3)")]),
        ("paused", [_task("1", "", "shutdown")]),
        ("completed", [_task("1", _BUSY)]),
        ("rollback_started", [_task("1", _BUSY)]),
    ],
)
def test_others_are_left_alone(state: str, tasks: list[Json]) -> None:
    swarm = _Swarm(_NEW)
    assert not Helper(swarm.engine, swarm.service, frozenset()).help_on(swarm.service, state, tasks)
    assert swarm.given == []
