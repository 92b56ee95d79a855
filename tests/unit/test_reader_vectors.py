"""Every vector of the specification, run by the Python reader."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import vectors


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory that an unprivileged reader can look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "secrets").mkdir(mode=0o755)
        yield Path(name)


@pytest.mark.parametrize("vector", vectors.load(), ids=lambda vector: vector["name"])
def test_vector(vector: vectors.Json, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.startswith(("DB_PASSWORD", "SECRETS_DIR", "STRONGROOM_VECTOR")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("SECRETS_DIR", f"{root}/secrets")
    for step in [vector, *vector.get("then", ())]:
        vectors.place(root, step.get("files", {}))
        for variable, value in step.get("env", {}).items():
            if value is None:
                monkeypatch.delenv(variable, raising=False)
            else:
                monkeypatch.setenv(variable, value.replace("{root}", str(root)))
        with vectors.unprivileged(vector):
            got = vectors.outcome(vector)
        vectors.check(step["expect"], got, root)


def test_vector_names_are_unique() -> None:
    names = [vector["name"] for vector in vectors.load()]
    assert len(names) == len(set(names)) > 100
