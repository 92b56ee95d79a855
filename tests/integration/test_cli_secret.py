"""The commands of ``strongroom secret``, as processes."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

import leaks
from cli import STRONGROOM, Cli


def on_terminal(cli: Cli, *arguments: str, answers: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run a command on a terminal, answer its prompts, and return its status and what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cli.project)
        os.execve(STRONGROOM, [STRONGROOM, *arguments], cli.variables() | {"TERM": "dumb"})
    shown, waiting = b"", list(answers)
    while select.select([terminal], [], [], 20)[0]:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        shown += read
        if waiting and shown.endswith(b": "):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
            shown += b"\n"
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.parametrize(
    "data", [b"\x00\x01\xff", b"two\nlines\n", b"crlf\r\n", "пароль 🔑".encode(), b"x" * 511_999, b" "],
    ids=["binary", "lines", "crlf", "unicode", "largest", "space"],
)  # fmt: skip
def test_every_byte_is_kept(cli: Cli, data: bytes) -> None:
    cli("secret", "create", "x", "-", stdin=data)
    assert cli("secret", "reveal", "x", reveals=True).stdout == data


def test_create_from_a_file(cli: Cli) -> None:
    value = leaks.fresh()
    (cli.project / "key.txt").write_text(value)
    assert re.fullmatch(r"[a-z0-9]{25}\n", cli("secret", "create", "key", "key.txt").out)
    assert cli.reveal("key") == value


def test_create_from_a_pipe_of_another_program(cli: Cli) -> None:
    value = leaks.fresh()
    (cli.home / "value").write_text(value + "\n")
    script = f"cat {cli.home / 'value'} | {STRONGROOM} secret create db -"
    done = subprocess.run(["sh", "-c", script], cwd=cli.project, env=cli.variables(), capture_output=True, text=True)
    assert (done.returncode, cli.reveal("db")) == (0, value + "\n")
    assert "ends in a newline" in done.stderr


def test_no_hint_without_a_single_newline_at_the_end(cli: Cli) -> None:
    assert cli("secret", "create", "a", "-", stdin="one").stderr == ""
    assert cli("secret", "create", "b", "-", stdin="-----BEGIN\nlines\n-----END\n").stderr == ""


@pytest.mark.parametrize(("alphabet", "pattern"), [(None, "[A-Za-z0-9]{40}"), ("hex", "[0-9a-f]{40}"),
                         ("digits", "[0-9]{40}"), ("url", "[A-Za-z0-9_-]{40}"), ("ascii", "[!-~]{40}")])  # fmt: skip
def test_generate(cli: Cli, alphabet: str | None, pattern: str) -> None:
    options = ["--alphabet", alphabet] if alphabet else []
    cli("secret", "create", "x", "--generate", "40", *options)
    value = leaks.watch_for(cli.reveal("x").encode()).decode()
    assert re.fullmatch(pattern, value)
    cli("secret", "update", "x", "--generate", "40", *options)
    assert cli.reveal("x") != value


def test_hidden_prompt(cli: Cli) -> None:
    value = leaks.fresh()
    status, shown = on_terminal(cli, "secret", "create", "typed", answers=(value, value))
    assert status == 0
    assert value not in shown
    assert "The same again" in shown
    assert cli.reveal("typed") == value


def test_hidden_prompt_asks_again_when_the_two_differ(cli: Cli) -> None:
    value = leaks.fresh()
    status, shown = on_terminal(cli, "secret", "create", "typed", answers=(value, "other", value, value))
    assert (status, value in shown, cli.reveal("typed")) == (0, False, value)


def test_reveal_refuses_a_terminal(cli: Cli) -> None:
    value = cli.secret("x")
    status, shown = on_terminal(cli, "secret", "reveal", "x")
    assert (status, value in shown) == (2, False)
    assert "--yes" in shown
    status, shown = on_terminal(cli, "secret", "reveal", "x", "--yes")
    assert (status, shown.strip()) == (0, value)


def test_reveal_of_versions_and_stages(cli: Cli) -> None:
    first = cli.secret("x")
    second = leaks.fresh()
    assert cli("secret", "update", "x", "-", stdin=second).out == "2\n"
    assert cli.reveal("x") == second
    assert cli.reveal("x", "--version", "1") == cli.reveal("x", "--stage", "previous") == first
    assert "no version 3" in cli("secret", "reveal", "x", "--version", "3", status=1).stderr
    assert "pending" in cli("secret", "reveal", "x", "--stage", "pending", status=1).stderr
    cli("secret", "reveal", "x", "--version", "1", "--stage", "previous", status=2)


def test_reveal_is_audited(cli: Cli) -> None:
    cli.secret("x")
    cli.reveal("x")
    last = json.loads(cli("audit", "ls", "--format", "json", "--last", "1").out)
    assert (last["Action"], last["Secret"], last["Version"], last["Command"]) == ("read", "x", 1, "secret reveal")


def test_ls(cli: Cli) -> None:
    cli.secret("b_two", "-l", "team=web", "-l", "alone")
    cli.secret("a_one")
    assert cli("secret", "ls", "--format", "{{.Name}}").out == "a_one\nb_two\n"
    header, first, _ = cli("secret", "ls").out.splitlines()
    assert header.split() == ["ID", "NAME", "VERSION", "CREATED", "UPDATED"]
    assert first.split()[1:3] == ["a_one", "1"]
    rows = [json.loads(line) for line in cli("secret", "ls", "--format", "json").out.splitlines()]
    assert [row["Name"] for row in rows] == ["a_one", "b_two"]
    assert rows[1]["Labels"] == {"team": "web", "alone": ""}
    assert cli("secret", "ls", "-q").out.split() == [row["ID"] for row in rows]
    assert cli("secret", "ls", "--format", "table {{.Name}}\\t{{.Version}}").out.split() == [
        "NAME", "VERSION", "a_one", "1", "b_two", "1",
    ]  # fmt: skip
    assert cli("secret", "ls", "--format", '{{.Label "team"}}').out == "\nweb\n"
    assert cli("secret", "ls", "--format", "{{json .Labels}}").out.splitlines()[0] == "{}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name=two", ["b_two"]),
        ("name=o", ["a_one", "b_two"]),
        ("label=team", ["b_two"]),
        ("label=team=web", ["b_two"]),
        ("label=team=db", []),
    ],
)
def test_ls_filter(cli: Cli, text: str, names: list[str]) -> None:
    cli.secret("b_two", "-l", "team=web")
    cli.secret("a_one")
    assert cli("secret", "ls", "--filter", text, "--format", "{{.Name}}").out.split() == names


def test_ls_needs_no_identity(cli: Cli) -> None:
    cli.secret("x")
    (cli.home / ".config/strongroom/identity").unlink()
    assert "x" in cli("secret", "ls").out
    assert "identity" in cli("secret", "reveal", "x", status=1).stderr


def test_inspect_has_docker_s_shape_and_no_value(cli: Cli) -> None:
    cli.secret("x", "-l", "team=web")
    (found,) = json.loads(cli("secret", "inspect", "x").out)
    assert found["Spec"] == {"Name": "x", "Labels": {"team": "web"}}
    assert set(found) >= {"ID", "Version", "CreatedAt", "UpdatedAt", "Spec"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", found["CreatedAt"])
    assert cli("secret", "inspect", "x", "--format", "{{.Spec.Name}} {{.Stages.current}}").out == "x 1\n"
    assert "Name:            x" in cli("secret", "inspect", "x", "--pretty").out


def test_labels_change_alone(cli: Cli) -> None:
    cli.secret("x", "-l", "team=web", "-l", "owner=me")
    cli("secret", "update", "x", "-l", "team=db", "--label-rm", "owner")
    (found,) = json.loads(cli("secret", "inspect", "x").out)
    assert found["Spec"]["Labels"] == {"team": "db"}
    assert found["Stages"] == {"current": 1}


def test_versions(cli: Cli) -> None:
    cli.secret("x")
    cli("secret", "update", "x", "--generate", "20")
    cli("secret", "update", "x", "--generate", "20")
    assert cli("secret", "versions", "x", "--format", "{{.Version}} {{.Stages}}").out == "3 current\n2 previous\n1 \n"
    cli("secret", "rm", "x", "--version", "1")
    rows = [json.loads(line) for line in cli("secret", "versions", "x", "--format", "json").out.splitlines()]
    assert [bool(row["DestroyedAt"]) for row in rows] == [False, False, True]
    assert "readable: 2, 3" in cli("secret", "reveal", "x", "--version", "1", status=1).stderr


def test_rm(cli: Cli) -> None:
    cli.secret("a")
    cli.secret("b")
    result = cli("secret", "rm", "a", "missing", "b", status=1)
    assert result.out == "a\nb\n"
    assert "missing" in result.stderr
    assert cli("secret", "ls", "-q").out == ""
    cli.secret("a")
    assert "current" in cli("secret", "rm", "a", "--version", "1", status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("secret", "create", "../x", "-"), 2, "not a secret's name"),
        (("secret", "create", "-x-"), 2, ""),
        (("secret", "create", "x"), 2, "no value"),
        (("secret", "create", "x", "-", "--generate", "3"), 2, "exclude"),
        (("secret", "create", "x", "--generate", "0"), 2, "0"),
        (("secret", "create", "x", "missing-file"), 1, "missing-file cannot be read"),
        (("secret", "create", "x", "."), 1, "cannot be read"),
        (("secret", "create", "there", "--generate", "3"), 1, "secret update there"),
        (("secret", "create", "x", "-", "-l", "=y"), 2, "key=value"),
        (("secret", "update", "x", "--generate", "3"), 1, "'x' not found"),
        (("secret", "reveal", "x"), 1, "strongroom secret"),
        (("secret", "inspect", "x"), 1, "not found"),
        (("secret", "ls", "--filter", "size=3"), 2, "name=PART"),
        (("secret", "ls", "--format", "{{.Nmae}}"), 2, ".Name"),
        (("secret", "ls", "--format", "{{range .}}"), 2, "placeholder"),
        (("secret", "lss"), 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said(cli: Cli, arguments: tuple[str, ...], status: int, says: str) -> None:
    cli.secret("there")
    result = cli(*arguments, status=status)
    assert says in result.stderr
    assert result.out == ""


def test_sizes_out_of_bounds(cli: Cli) -> None:
    assert "empty" in cli("secret", "create", "x", "-", stdin=b"", status=1).stderr
    assert "511,999" in cli("secret", "create", "x", "-", stdin=b"x" * 512_000, status=1).stderr
    assert cli("secret", "ls", "-q").out == ""


def test_the_value_is_in_no_file_of_the_project(cli: Cli) -> None:
    value = cli.secret("x")
    cli.reveal("x")
    for path in [each for each in cli.project.rglob("*") if each.is_file()]:
        assert value.encode() not in path.read_bytes(), path


def test_output_into_a_closed_pipe(cli: Cli) -> None:
    for number in range(50):
        cli("secret", "create", f"secret-{number}", "--generate", "8")
    script = f"{STRONGROOM} secret ls | head -1"
    done = subprocess.run(["sh", "-c", script], cwd=cli.project, env=cli.variables(), capture_output=True, text=True)
    assert done.stderr == ""


def test_store_found_upward_and_by_option(cli: Cli, tmp_path: Path) -> None:
    cli.secret("x")
    below = cli.project / "a/b"
    below.mkdir(parents=True)
    assert Cli(cli.home, below)("secret", "ls", "--format", "{{.Name}}").out == "x\n"
    elsewhere = Cli(cli.home, tmp_path)
    assert "strongroom init" in elsewhere("secret", "ls", status=1).stderr
    assert elsewhere("--store", str(cli.project), "secret", "ls", "--format", "{{.Name}}").out == "x\n"
    environment = {"STRONGROOM_STORE": str(cli.project / ".strongroom")}
    assert elsewhere("secret", "ls", "--format", "{{.Name}}", environment=environment).out == "x\n"
