"""The hooks for pre-commit: they are valid, and run as pre-commit runs them."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import STRONGROOM, Cli
from engines import ROOT

PRE_COMMIT = str(Path(sys.executable).with_name("pre-commit"))
MANIFEST = ROOT / ".pre-commit-hooks.yaml"


@pytest.fixture
def committed(empty: Cli) -> Cli:
    """Return a repository that has the hooks of the manifest, run from here instead of being installed."""
    lines = MANIFEST.read_text().replace("entry: strongroom", f"entry: {STRONGROOM}").replace("python", "system")
    hooks = [f"    {line}" for line in lines.splitlines() if "additional_dependencies" not in line]
    config = "\n".join(["repos:", "- repo: local", "  hooks:", *hooks, ""])
    (empty.project / ".pre-commit-config.yaml").write_text(config)
    git(empty, "init", "-q")
    return empty


def git(cli: Cli, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=cli.project, check=True, env=cli.variables())


def hook(cli: Cli, name: str) -> tuple[int, str]:
    done = subprocess.run(
        [PRE_COMMIT, "run", name, "--color=never"], cwd=cli.project, env=cli.variables(), capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_manifest_is_valid() -> None:
    subprocess.run([PRE_COMMIT, "validate-manifest", str(MANIFEST)], check=True)


def test_a_staged_secret_stops_the_commit(committed: Cli) -> None:
    (committed.project / "clean.py").write_text("import os\n")
    git(committed, "add", "clean.py")
    assert hook(committed, "strongroom-scan")[0] == 0
    # One that is not staged is not about to be committed.
    (committed.project / "settings.py").write_text(f"KEY = 'AKIA{base64.b32encode(os.urandom(10)).decode()}'\n")
    assert hook(committed, "strongroom-scan")[0] == 0
    git(committed, "add", "settings.py")
    status, said = hook(committed, "strongroom-scan")
    assert status == 1
    assert "settings.py:1" in said


def test_an_exposed_file_stops_the_commit(committed: Cli) -> None:
    (committed.project / ".env").write_text("TOKEN=x\n")
    git(committed, "add", ".env")
    status, said = hook(committed, "strongroom-ignore")
    assert status == 1
    assert "Git tracks it" in said
