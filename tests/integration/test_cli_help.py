"""Help that teaches by example, and errors that are one sentence."""

from __future__ import annotations

import errno

import click
import pytest

from cli import Cli, commands
from strongroom.cli.app import _message, app

ALL = dict(commands(app))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_examples_of_the_command(path: tuple[str, ...]) -> None:
    command = ALL[path]
    text = command.get_help(click.Context(command, info_name=" ".join(("strongroom", *path)), max_content_width=110))
    assert "Examples:" in text
    assert text.partition("Examples:")[2].count("strongroom") >= 1
    words = " ".join(path[:1])
    assert f"strongroom {words}".strip() in text.partition("Examples:")[2].replace("--identity ~/.ssh/id_ed25519 ", "")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"


@pytest.mark.parametrize("path", [each for each, command in ALL.items() if isinstance(command, click.Group)])
def test_a_list_of_commands_is_not_cut_on_a_terminal_of_80_columns(path: tuple[str, ...]) -> None:
    text = ALL[path].get_help(click.Context(ALL[path], info_name="strongroom", terminal_width=78))
    assert [line for line in text.partition("Commands:")[2].splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_as_a_process(empty: Cli, option: str) -> None:
    shown = empty(option).out
    assert "Examples:" in shown
    assert max(map(len, shown.splitlines())) <= 110


GROUPS = [
    each for each, command in ALL.items() if isinstance(command, click.Group) and not command.invoke_without_command
]


@pytest.mark.parametrize("path", GROUPS)
def test_a_group_alone_shows_its_help_and_is_wrong_usage(empty: Cli, path: tuple[str, ...]) -> None:
    result = empty(*path, status=2)
    assert "Examples:" in result.out + result.stderr


def test_version(empty: Cli) -> None:
    assert empty("--version").out.startswith("strongroom, version ")


def test_wrong_usage_comes_before_anything_else(empty: Cli) -> None:
    for wrong in (("nonsense",), ("--nonsense",), ("run",), ("secret", "create"), ("completion", "tcsh")):
        assert empty(*wrong, status=2).stderr.startswith("Usage:")


def test_debug_shows_where_an_error_comes_from(cli: Cli) -> None:
    assert "Traceback" in cli("--debug", "secret", "inspect", "missing", status=1).stderr
    without = cli("secret", "inspect", "missing", status=1).stderr
    assert without.startswith("strongroom: ")
    assert without.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(empty: Cli, shell: str) -> None:
    assert "_STRONGROOM_COMPLETE" in empty("completion", shell).out


def test_completion_knows_the_names(cli: Cli) -> None:
    cli.secret("db_password")
    cli.secret("api_key")
    environment = {
        "_STRONGROOM_COMPLETE": "bash_complete", "COMP_WORDS": "strongroom secret reveal db", "COMP_CWORD": "3",
    }  # fmt: skip
    assert cli(environment=environment).out.split() == ["plain,db_password"]


def test_a_command_that_is_nearly_one(empty: Cli) -> None:
    assert "Did you mean 'secret'?" in empty("secert", "ls", status=2).stderr
    assert "Did you mean" not in empty("zzzzzz", status=2).stderr


def test_a_place_that_may_not_be_looked_at_is_named() -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", "/theirs/.strongroom/store.db")
    assert _message(refused).startswith("/theirs/.strongroom/store.db cannot be used: Permission denied.")
    assert "hunter2" not in _message(ValueError("hunter2"))


def test_a_table_shows_no_control_characters(cli: Cli) -> None:
    cli("secret", "create", "x", "--generate", "20", "--reason", "one\n\x1b[2Jtwo")
    lines = cli("audit", "ls").out.splitlines()
    assert "\x1b" not in "".join(lines)
    assert [line for line in lines if "one" in line] == [line for line in lines if "two" in line] != []


def test_no_colour_codes_when_not_on_a_terminal(cli: Cli) -> None:
    cli.secret("x")
    for arguments in (("secret", "ls"), ("audit", "ls"), ("--help",)):
        assert "\x1b" not in cli(*arguments).out
