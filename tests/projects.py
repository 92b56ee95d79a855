"""Fixtures: the command line in a project of a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import Cli


@pytest.fixture
def empty(tmp_path: Path) -> Cli:
    """Return the command line in a project that has no store yet."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    return Cli(home, project)


@pytest.fixture
def cli(empty: Cli) -> Cli:
    """Return the command line in a project with a store."""
    empty("init")
    return empty
