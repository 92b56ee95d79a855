"""Services that are signalled: what a Compose file says of them, the links that they read, and how they take it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
import yaml

from strongroom import compose
from strongroom.delivery.compose import live, signals
from strongroom.delivery.compose.signals import Told
from strongroom.delivery.compose.staging import Staged, Staging
from strongroom.docker.engine import Engine
from strongroom.errors import DeclarationError, DeploymentFailed, EngineError

_NOW = datetime.now(UTC)
_TOLD = Told("c", "shop/app", "SIGHUP", _NOW, "then")


def _parse(services: str) -> compose.Project:
    text = f"services: {{app: {{image: x}}}}\nx-strongroom: {{services: {services}}}"
    return compose.parse(yaml.safe_load(text), Path("compose.yaml"))


def test_what_a_file_says() -> None:
    assert _parse("{app: {on_change: SIGHUP}}").extension.signals == {"app": "SIGHUP"}
    assert _parse("{app: {on_change: usr1}}").extension.signals == {"app": "SIGUSR1"}
    assert _parse("{app: {}}").extension.signals == {}


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ("{app: {on_change: SIGKILL}}", "x-strongroom.services.app.on_change is 'SIGKILL': give the signal"),
        ("{app: {on_change: 1}}", "on_change is '1'"),
        ("{app: {onchange: HUP}}", "x-strongroom.services.app.onchange is not known: on_change is"),
        ("{api: {on_change: HUP}}", "names 'api', which is no service"),
        ("[app]", "x-strongroom.services is not a mapping"),
    ],
)
def test_what_is_not_understood(services: str, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        _parse(services)


def test_what_a_folder_leads_to(tmp_path: Path) -> None:
    place = Staging(tmp_path)
    old, new = (Staged("key", version, 0, 0, 0o400, "id", service="app", target="k") for version in (1, 2))
    folder = live.make(tmp_path, "app")
    for each in (old, new):
        place.path(each).write_text(str(each.version))
    place.point([old], [])
    assert (folder / "k").read_text() == "1"
    assert place.untold({"app"}) == ["app"]
    place.remember_told({"app"})
    place.point([new, old], ["other"])
    assert (folder / "k").read_text() == "1"
    assert place.untold({"app"}) == []
    place.point([new, old], ["app"])
    assert (folder / "k").read_text() == "2"
    assert place.untold({"app"}) == ["app"]
    assert live.held_in(tmp_path, folder) == [new.name]
    assert live.held_in(tmp_path, tmp_path / "app") == []
    assert place.sweep([new, old], {folder}) == [new]
    assert [each.name for each in live.files(tmp_path)] == [new.name]
    assert place.sweep([new], {tmp_path}) == []
    assert not folder.exists()


def _state(**more: Any) -> dict[str, Any]:
    return {"StartedAt": "then", "Running": True, **more}


def _probe(seconds: float, status: int) -> dict[str, Any]:
    return {"Start": (_NOW + timedelta(seconds=seconds)).isoformat(), "ExitCode": status}


def _watch(*states: dict[str, Any] | EngineError, timeout: float = 9) -> None:
    engine = create_autospec(Engine)
    engine.get.side_effect = [each if isinstance(each, EngineError) else {"State": each} for each in states]
    signals.watch(engine, [_TOLD], timeout)
    assert engine.get.call_count == len(states)


def test_one_that_takes_it_well() -> None:
    healthy = {"Status": "healthy", "Log": [_probe(-1, 0), _probe(1, 0)]}
    _watch(_state(Health={"Status": "healthy", "Log": [_probe(-1, 0)]}), _state(Health=healthy))
    _watch(EngineError("gone", 404))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (_state(Running=False), "service shop/app ended when it got SIGHUP"),
        (_state(StartedAt="later"), "service shop/app ended when it got SIGHUP"),
        (_state(Health={"Status": "unhealthy", "Log": [_probe(1, 1)]}), "is not healthy since it got SIGHUP"),
        (_state(Health={"Status": "healthy", "Log": [_probe(-1, 0)]}), "is not healthy since it got SIGHUP"),
    ],
)
def test_one_that_does_not(state: dict[str, Any], said: str) -> None:
    with pytest.raises(DeploymentFailed, match=said):
        _watch(state, timeout=-1)
