"""A lock is the same one, whatever variables a process has."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.delivery.swarm.lock import exclusively
from strongroom.errors import StoreBusy


def test_from_a_login_and_from_cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    with exclusively("key", "secret 'key'"):
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        with pytest.raises(StoreBusy, match="secret 'key' is being changed"), exclusively("key", "secret 'key'"):
            pass
        with exclusively("other", "secret 'other'"):
            pass
    with exclusively("key", "secret 'key'"):
        pass


def test_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with exclusively(str(tmp_path), "it"), pytest.raises(StoreBusy), exclusively(str(tmp_path), "it"):
        pass
