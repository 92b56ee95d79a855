"""Completion in the shells themselves: names that are there, and silence where there are none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cli import STRONGROOM, Cli
from projects import missing
from shells import Shell

INTERACTIVE = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


@pytest.fixture
def shop(shop: Cli) -> Cli:
    shop.secret("api_key")
    shop.environment["PATH"] = f"{Path(STRONGROOM).parent}:{shop.variables()['PATH']}"
    return shop


def installed(shell: str) -> str:
    if shutil.which(shell) is None:
        missing(f"{shell} is not installed")
    return shell


@pytest.mark.parametrize("shell", INTERACTIVE)
def test_a_tabulator_completes_names(shop: Cli, shell: str) -> None:
    installed(shell)
    with Shell(INTERACTIVE[shell], shop.project, shop.variables()) as typed:
        if shell == "zsh":
            typed.run("autoload -U compinit && compinit -u -D")
        typed.run(f'eval "$(strongroom completion {shell})"')
        for text, expected in (
            ("strongroom secret reveal db_", "db_password"),
            ("strongroom run --service a", "--service api"),
            ("strongroom secret rm db_password --version ", "--version 1"),
        ):
            typed.type(f"{text}\t")
            typed.until(expected)
            typed.type("\x15")  # forget the line


def fish(shop: Cli, line: str) -> list[str]:
    script = f'source (strongroom completion fish | psub); complete -C "{line}"'
    done = subprocess.run(
        [installed("fish"), "--no-config", "-c", script], cwd=shop.project, env=shop.variables(), capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    return [each.partition("\t")[0] for each in done.stdout.splitlines()]


def test_fish_completes_names(shop: Cli) -> None:
    assert fish(shop, "strongroom secret reveal ") == ["api_key", "db_password"]
    assert fish(shop, "strongroom run --service ") == ["api", "web"]


def completed(cli: Cli, *words: str) -> list[str]:
    """Ask as bash's script does."""
    variables = {"_STRONGROOM_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["strongroom", *words]),
                 "COMP_CWORD": str(len(words))}  # fmt: skip
    result = cli(environment=variables)
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.out.splitlines() if line]


def test_what_is_completed(shop: Cli) -> None:
    assert completed(shop, "secret", "inspect", "a") == ["api_key"]
    assert completed(shop, "run", "--secret", "d") == ["db_password"]
    assert completed(shop, "grant", "db_password", "w") == ["web"]
    assert completed(shop, "audit", "ls", "--action", "des") == ["destroy"]
    assert completed(shop, "audit", "ls", "--secret", "d") == ["db_password"]
    assert "docker-plugin" in completed(shop, "d")


@pytest.mark.parametrize(
    "words",
    [("secret", "reveal", "x"), ("run", "--service", "x"), ("status", "x"), ("stack", "rm", "x"),
     ("secret", "adopt", "--service", "x"), ("secret", "rm", "no", "--version", "1"), ("audit", "ls", "--actor", "x")],
)  # fmt: skip
def test_errors_are_silent(empty: Cli, words: tuple[str, ...]) -> None:
    empty.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    empty.environment["PYTHONWARNINGS"] = "ignore"  # docker-py leaves the socket that did not connect to be collected
    assert completed(empty, *words) == []
