"""The readers in other languages: each passes every vector, and each would notice if it broke."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vectors

ROOT = Path(__file__).parents[2]
PROGRAMS = {"node": ["node", "npm"], "go": ["go", "gofmt"], "sh": ["sh"]}
# What would be wrong with a reader: a language, what it is, and how its source changes.
MUTATIONS = {
    "node keeps newlines": ("node", "lib/file.js", "while (end > 0 && data[end - 1] === 0x0a)", "while (false)"),
    "node asks the variable first": ("node", "lib/reader.js", "const found = readFile(path,",
        "const found = process.env[name.toUpperCase()] ? undefined : readFile(path,"),
    "node allows ../": ("node", "lib/reader.js", r"[/\\\0]", r"[\\\0]"),
    "go keeps newlines": ("go", "file.go", "end > 0 && data[end-1] == '\\n'", "false"),
    "go asks the variable first": ("go", "strongroom.go", 'readFile(path, ""); result != nil',
        'readFile(path, ""); os.Getenv(variableOf(name)) == "" && result != nil'),
    "go allows ../": ("go", "strongroom.go", r'"/\\\x00"', r'"\\\x00"'),
    "sh keeps newlines": ("sh", "strongroom.sh", '*"$nl") text=${text%"$nl"} ;;', ""),
    "sh asks the variable first": ("sh", "strongroom.sh", '[ "$kind" = none ] || return 0\n',
        '[ "$kind" = none ] || [ -n "$(_strongroom_environment "$(_strongroom_variable "$1")")" ] || return 0\n'),
    "sh allows ../": ("sh", "strongroom.sh", "'' | . | .. | */* |", "'' | . | .. |"),
}  # fmt: skip


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name in ("PATH", "LANG", "HOME")}
    cache = str(tmp_path_factory.mktemp("gocache"))
    return kept | {
        "GOCACHE": cache,
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "STRONGROOM_VECTORS": str(vectors.VECTORS),
    }


def run(
    command: list[str], directory: Path, variables: dict[str, str], language: str
) -> subprocess.CompletedProcess[str]:
    missing = [program for program in PROGRAMS[language] if not shutil.which(program)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"{missing[0]} is not installed, and CI must test it")
    if missing:
        pytest.skip(f"{missing[0]} is not installed: the reader for {language} is not tested")
    return subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, timeout=300)


def run_vectors(language: str, directory: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    commands = {
        "node": ["node", "--test", "--test-reporter=tap", "test/vectors.test.js"],
        "go": ["go", "test", "-count=1", "-v", "-run", "TestVectors", "./..."],
        "sh": [sys.executable, str(ROOT / "tests/shell_vectors.py"), "strongroom.sh"],
    }
    return run(commands[language], directory, variables, language)


@pytest.mark.parametrize("language", PROGRAMS)
def test_every_vector_passes_and_is_named(language: str, variables: dict[str, str]) -> None:
    done = run_vectors(language, ROOT / "clients" / language, variables)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    print(done.stdout)
    shown = done.stdout.replace("_", " ").replace("\\", "")
    missing = [each["name"] for each in vectors.load() if each["name"].replace("_", " ").replace("\\", "") not in shown]
    assert missing == []


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_broken_reader_fails_its_vectors(what: str, variables: dict[str, str], tmp_path: Path) -> None:
    language, name, before, after = MUTATIONS[what]
    copy = tmp_path / language
    shutil.copytree(ROOT / "clients" / language, copy)
    source = (copy / name).read_text()
    assert before in source
    (copy / name).write_text(source.replace(before, after, 1))
    done = run_vectors(language, copy, variables)
    assert done.returncode == 1, done.stdout[-500:] + done.stderr[-2000:]
    assert "not ok" in done.stdout or "FAIL" in done.stdout


def test_node(variables: dict[str, str]) -> None:
    done = run(["node", "--test", "test/"], ROOT / "clients/node", variables, "node")
    assert done.returncode == 0, done.stdout[-3000:]


def test_node_package(variables: dict[str, str]) -> None:
    done = run(["npm", "pack", "--dry-run", "--json"], ROOT / "clients/node", variables, "node")
    assert done.returncode == 0, done.stderr
    (packed,) = json.loads(done.stdout)
    assert {each["path"] for each in packed["files"]} >= {
        "index.js",
        "index.mjs",
        "index.d.ts",
        "README.md",
        "lib/file.js",
    }
    assert not any(each["path"].startswith("test") for each in packed["files"])
    package = json.loads((ROOT / "clients/node/package.json").read_text())
    assert "dependencies" not in package and "devDependencies" not in package


@pytest.mark.parametrize("command", [["go", "vet", "./..."], ["go", "build", "./..."], ["go", "test", "-race", "./..."],
                         ["gofmt", "-l", "."], ["go", "list", "-m", "all"]], ids=" ".join)  # fmt: skip
def test_go(command: list[str], variables: dict[str, str]) -> None:
    if "-race" in command and not shutil.which("gcc"):
        command = [each for each in command if each != "-race"]
    done = run(command, ROOT / "clients/go", variables, "go")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    if command[0] == "gofmt":
        assert done.stdout == ""
    if command[1] == "list":
        assert done.stdout.strip() == "strongroom"


def test_file_env_of_the_shell(tmp_path: Path) -> None:
    (tmp_path / "db_password").write_text("a value\n")
    script = f"""set -eu
        . {ROOT}/clients/sh/strongroom.sh
        file_env db_password; file_env level info; file_env POSTGRES_PASSWORD
        sh -c 'echo "$DB_PASSWORD|$LEVEL|$POSTGRES_PASSWORD|${{POSTGRES_PASSWORD_FILE-unset}}"'
        file_env missing; echo not reached"""
    environment = {"PATH": os.environ["PATH"], "SECRETS_DIR": str(tmp_path),
                   "POSTGRES_PASSWORD_FILE": str(tmp_path / "db_password")}  # fmt: skip
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout == "a value|info|a value|unset\n"
    assert done.returncode == 3
    assert "'missing' not found" in done.stderr
