"""``strongroom doctor`` where there is no Docker: the Compose file, the store, files, and processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import leaks
from cli import STRONGROOM, Cli
from patients import Patient, without_docker


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return without_docker(tmp_path_factory.mktemp("without") / "bin")


@pytest.fixture
def patient(empty: Cli, path: str) -> Patient:
    empty.environment["PATH"] = path
    return Patient(empty)


def _write(patient: Patient, text: str) -> None:
    (patient.cli.project / "compose.yaml").write_text(text)


def test_a_healthy_project(patient: Patient) -> None:
    patient.cli("init")
    patient.cli.secret("key")
    _write(patient, "services: {api: {image: x, secrets: [key]}}\nsecrets: {key: {external: true}}\n")
    shown = patient.run("strongroom doctor")
    assert shown.stdout == "nothing found: 1 secrets and 1 services, containers or processes looked at\n"
    assert "no Docker Engine answered" in shown.stderr


def test_sources_of_values(patient: Patient) -> None:
    """No store, then secrets that are nowhere; files that are not there, are empty, or are directories."""
    _write(patient, "services: {api: {image: x, secrets: [absent, one, two, three]}}\nsecrets: {absent: {external: true"
           "}, one: {file: secrets/one}, two: {file: secrets/two}, three: {file: ./three}}\n")  # fmt: skip
    (patient.cli.project / "secrets/two").mkdir(parents=True)
    (patient.cli.project / "three").touch()
    assert patient.faults() == {
        ("store-missing", "", ""), ("file-missing", "", "one"), ("file-is-directory", "", "two"),
        ("file-empty", "", "three"),
    }  # fmt: skip
    mended = patient.heal()
    assert {"store-missing", "secret-missing", "file-is-directory", "file-empty"} <= set(mended)
    assert len(patient.cli.reveal("absent")) == 24


def test_a_missing_file(patient: Patient) -> None:
    _write(patient, "services: {api: {image: x, secrets: [one]}}\nsecrets: {one: {file: secrets/one}}\n")
    assert patient.heal() == ["file-missing"]


def test_a_variable_that_is_not_set(patient: Patient) -> None:
    _write(patient, "services: {api: {image: x, secrets: [one]}}\nsecrets: {one: {environment: THE_ONE}}\n")
    (row,) = patient.found()
    assert (row["Fault"], row["Secret"]) == ("variable-missing", "one")
    patient.run(f"{row['Command']} && strongroom doctor", stdin="short\n")


SHAPES = {
    "newline": (b"%s\n", "trailing-newline"),
    "windows": (b"%s\r\n", "crlf"),
    "lines": (b"%s\r\n%s\r\n", "crlf"),
    "marked": (b"\xef\xbb\xbf%s", "byte-order-mark"),
    "wide": (b"%s", "byte-order-mark"),
}


@pytest.mark.parametrize("kind", ["external", "file"])
def test_the_shape_of_values(patient: Patient, kind: str) -> None:
    patient.cli("init")
    values = {name: leaks.fresh() for name in SHAPES}
    for name, (form, _) in SHAPES.items():
        data = form.replace(b"%s", values[name].encode())
        data = f"\ufeff{values[name]}".encode("utf-16-le") if name == "wide" else data
        if kind == "external":
            patient.cli("secret", "create", name, "-", stdin=data)
        else:
            (patient.cli.project / name).write_bytes(data)
    source = "{external: true}" if kind == "external" else "{file: ./NAME}"
    secrets = ", ".join(f"{name}: {source.replace('NAME', name)}" for name in (*SHAPES, "pem"))
    pem = "-----BEGIN-----\nabc\n-----END-----\n"
    (patient.cli.project / "pem").write_text(pem)
    if kind == "external":
        patient.cli("secret", "create", "pem", "pem")
    names = ", ".join((*SHAPES, "pem"))
    _write(patient, f"services: {{api: {{image: x, secrets: [{names}]}}}}\nsecrets: {{{secrets}}}\n")
    assert patient.faults() == {(fault, "", name) for name, (_, fault) in SHAPES.items()}
    assert sorted(patient.heal()) == sorted(fault for _, fault in SHAPES.values())
    for name in SHAPES:
        content = patient.cli.reveal(name) if kind == "external" else (patient.cli.project / name).read_text()
        assert content == (f"{values[name]}\n" * 2 if name == "lines" else values[name])


def test_an_identity_that_others_may_read(patient: Patient) -> None:
    patient.cli("init")
    patient.cli.secret("key")
    (identity,) = patient.cli.home.rglob("identity")
    identity.chmod(0o644)
    _write(patient, "services: {api: {image: x, secrets: [key]}}\nsecrets: {key: {external: true}}\n")
    assert patient.faults() == {("store-closed", "", "")}
    assert patient.heal() == ["store-closed"]


def test_a_store_of_others(patient: Patient) -> None:
    patient.cli("init")
    patient.cli.secret("key")
    _write(patient, "services: {api: {image: x, secrets: [key]}}\nsecrets: {key: {external: true}}\n")
    ssh = patient.cli.home / ".ssh"
    ssh.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh / "id_ed25519"], check=True)
    (identity,) = patient.cli.home.rglob("identity")
    mine = identity.rename(patient.cli.home / "of-a-colleague")
    (row,) = patient.found()
    assert row["Fault"] == "store-closed"
    patient.run(row["Command"], environment={"STRONGROOM_IDENTITY": str(mine)})  # a colleague runs it
    assert patient.found() == []


def test_a_compose_file_that_cannot_be_read(patient: Patient, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "${1#+}s/\\[api/api/" "$2"\n')
    editor.chmod(0o755)
    patient.environment["EDITOR"] = str(editor)
    patient.cli("init")
    patient.cli.secret("key")
    _write(patient, "services:\n  [api: {image: x}\n")
    (row,) = patient.found()
    assert (row["Fault"], "line" in row["Seen"]) == ("compose-file", True)
    _write(patient, "services: {api: {image: x, secrets: [key]}} # mine\n")
    assert patient.faults() == {("compose-file", "", "key")}
    assert patient.heal() == ["compose-file"]
    assert "# mine" in (patient.cli.project / "compose.yaml").read_text()
    _write(patient, "services:\n  [api: {image: x}\n")
    row = patient.found()[0]
    patient.run(row["Command"].replace("+3", "+2"))
    assert patient.found() == []


def test_a_service_that_runs_nowhere(patient: Patient) -> None:
    """What its variables name is looked for before anything runs."""
    patient.cli("init")
    value = patient.cli.secret("db_password")
    patient.cli.secret("api-key")
    (patient.cli.project / "some.env").write_text(f"# mine\nDB_PASSWORD={value}\n")
    _write(patient, """
services:
  api:
    image: x
    env_file: some.env
    environment:
      API_KEY_FILE: /run/secrets/api_key
      OTHER_TOKEN_FILE: /run/secrets/other
      LOG_FILE: /var/log/api
    secrets: [db_password]
secrets:
  db_password: {external: true}
""")  # fmt: skip
    assert patient.faults("api") == {
        ("not-granted", "api", "api-key"), ("dangling-variable", "api", "other"), ("plain-variable", "api",
                                                                                     "db_password"),
    }  # fmt: skip
    patient.heal("api")
    assert (patient.cli.project / "some.env").read_text() == "# mine\n"


@pytest.fixture
def running(patient: Patient, tmp_path: Path) -> Iterator[Patient]:
    """Return a project, whose processes write their number to a file and end with the test."""
    yield patient
    if (file := tmp_path / "pid").exists():
        os.kill(int(file.read_text()), signal.SIGKILL)
    for process in _shells:
        process.wait(30)
    _shells.clear()


_shells: list[subprocess.Popen[bytes]] = []


def _start(patient: Patient, command: str, tmp_path: Path) -> int:
    """Start what doctor says, or what a person types, with an application that only sleeps; return its process."""
    file = tmp_path / "pid"
    file.unlink(missing_ok=True)
    application = f"sh -c 'echo $$ >{file}.new; mv {file}.new {file}; exec sleep 600'"
    environment = patient.cli.variables() | patient.environment
    environment["PATH"] = f"{Path(STRONGROOM).parent}:{environment['PATH']}"
    shell = subprocess.Popen(
        ["bash", "-c", command.replace("COMMAND", application)], cwd=patient.cli.project, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _shells.append(shell)
    engines.until(file.exists)
    return int(file.read_text())


def test_a_process(running: Patient, tmp_path: Path) -> None:
    running.cli("init")
    value = running.cli.secret("db_password")
    running.cli.secret("api_key")
    pid = _start(running, "strongroom run -s db_password -- COMMAND", tmp_path)
    assert running.found("--pid", str(pid)) == []

    running.cli("secret", "update", "db_password", "-", stdin=leaks.fresh())
    (row,) = running.found("--pid", str(pid))
    assert (row["Fault"], row["Secret"]) == ("stale-version", "db_password")
    pid = _start(running, row["Command"], tmp_path)
    assert running.found("--pid", str(pid)) == []

    os.kill(pid, signal.SIGKILL)
    (running.cli.project / "compose.yaml").write_text(
        "services: {api: {environment: {API_KEY_FILE: /run/secrets/api_key}, secrets: [db_password]}}\n"
        "secrets: {db_password: {external: true}}\n"
    )
    named = "export API_KEY_FILE=/run/secrets/api_key; "
    pid = _start(running, f"{named}strongroom run -s db_password -- COMMAND", tmp_path)
    (row,) = running.found("--pid", str(pid))
    assert (row["Fault"], row["Secret"]) == ("not-granted", "api_key")
    pid = _start(running, f"{named}{row['Command']}", tmp_path)
    assert running.found("--pid", str(pid)) == []
    assert value not in json.dumps(running.found("--pid", str(pid)))


def test_a_process_of_a_service(running: Patient, tmp_path: Path) -> None:
    running.cli("init")
    running.cli.secret("db_password")
    _write(running, "services: {api: {image: x, secrets: [{source: db_password, mode: 0044}]}}\n"
           "secrets: {db_password: {external: true}}\n")  # fmt: skip
    pid = _start(running, "strongroom run --service api -- COMMAND", tmp_path)
    if os.getuid():
        (row,) = running.found("--pid", str(pid), "api")
        assert (row["Fault"], row["Secret"]) == ("unreadable", "db_password")
        pid = _start(running, row["Command"], tmp_path)
    assert running.found("--pid", str(pid), "api") == []


def test_wrong_usage(patient: Patient) -> None:
    assert "there is no compose.yaml here or above" in patient.run("strongroom doctor", status=2).stderr
    _write(patient, "services: {api: {image: x}}\n")
    assert "no process" in patient.run("strongroom doctor --pid 999999999", status=1).stderr
    assert "Usage:" in patient.run("strongroom doctor --pid nonsense", status=2).stderr
    assert "has no service 'web'" in patient.run(f"strongroom doctor --pid {os.getpid()} web", status=2).stderr
