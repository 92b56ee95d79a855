"""``strongroom secret``: the commands of ``docker secret``, and what it lacks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from ..errors import StrongroomError
from ..generate import ALPHABETS, password
from ..model import MAX_VALUE_BYTES, Name, Stage, Value
from .names import versions as versions_of
from .parameters import LABEL, NAME, reason_option
from .secret_shown import inspect, ls, versions
from .secret_swarm import adopt, push
from .state import State

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group()
def secret() -> None:
    """Create, change, list and show secrets.

    \b
    Examples:
      strongroom secret create api_key ./key.txt
      strongroom secret update api_key --generate 40
      strongroom secret ls --filter label=team=payments
    """


def _value_options(command: _F) -> _F:
    for option in (
        click.argument("file", required=False, type=click.Path(allow_dash=True)),
        click.option("--generate", type=click.IntRange(1, MAX_VALUE_BYTES), metavar="LENGTH",
                     help="Make a random value of so many characters."),
        click.option("--alphabet", type=click.Choice(list(ALPHABETS)), default="alphanumeric", show_default=True,
                     help="What --generate draws from."),
    ):  # fmt: skip
        command = option(command)
    return command


@secret.command(short_help="Create a secret from a file, a pipe, at random, or typed")
@click.argument("name", type=NAME)
@_value_options
@click.option("-l", "--label", "labels", type=LABEL, multiple=True, help="A label; may be given again.")
@reason_option
@click.pass_obj
def create(
    state: State, name: Name, file: str | None, generate: int | None, alphabet: str, labels: tuple[tuple[str, str], ...]
) -> None:
    """Create the secret NAME from FILE, from standard input (-), at random, or typed unseen on a terminal.

    Every byte is kept as it is, a newline at the end too. Prints the secret's ID. The value is never an argument:
    others could see it in the list of processes, and the shell would remember it.

    \b
    Examples:
      strongroom secret create db_password                    asks, twice, without showing it
      strongroom secret create db_password --generate 32
      strongroom secret create tls_key ./server.key -l team=web
      pass show db | strongroom secret create db_password -
    """
    value = _value(name, file, generate, alphabet)
    click.echo(state.open_store().create(name, value, dict(labels)).id)


@secret.command(short_help="Give a secret a new version")
@click.argument("name", type=NAME)
@_value_options
@click.option("-l", "--label", "labels", type=LABEL, multiple=True, help="Add or change a label; may be given again.")
@click.option("--label-rm", "removed", multiple=True, metavar="KEY", help="Take a label away; may be given again.")
@reason_option
@click.pass_obj
def update(
    state: State, name: Name, file: str | None, generate: int | None, alphabet: str,
    labels: tuple[tuple[str, str], ...], removed: tuple[str, ...],
) -> None:  # fmt: skip
    """Give the secret NAME a new version, which becomes the current one; the one before it stays as 'previous'.

    Prints the new version's number. With labels and no FILE only the labels change.

    \b
    Examples:
      strongroom secret update db_password --generate 32
      pass show db | strongroom secret update db_password -
      strongroom secret update db_password -l team=web --label-rm owner
    """
    store = state.open_store()
    before = store.inspect(name)
    if file is not None or generate is not None or not (labels or removed):
        click.echo(store.write(name, _value(name, file, generate, alphabet)))
    if labels or removed:
        kept = {key: text for key, text in before.labels.items() if key not in removed}
        store.set_labels(name, kept | dict(labels))


@secret.command()
@click.argument("names", nargs=-1, required=True, type=NAME)
@click.option(
    "--version",
    type=click.IntRange(1),
    shell_complete=versions_of,
    help="Destroy one version only; the current one stays.",
)
@reason_option
@click.pass_obj
def rm(state: State, names: tuple[Name, ...], version: int | None) -> None:
    """Remove secrets with all their versions, or destroy one version. There is no way back.

    \b
    Examples:
      strongroom secret rm old_token other_token
      strongroom secret rm db_password --version 1
    """
    store = state.open_store()
    failed = []
    for name in names:
        try:
            if version is None:
                store.remove(name)
            else:
                store.destroy(name, version)
        except StrongroomError as error:
            failed.append(str(error))
        else:
            click.echo(name)
    if failed:
        raise StrongroomError("\nstrongroom: ".join(failed))


@secret.command()
@click.argument("name", type=NAME)
@click.option(
    "--version", type=click.IntRange(1), shell_complete=versions_of, help="An older version instead of the current one."
)
@click.option("--stage", type=click.Choice([stage.value for stage in Stage]), help="What a stage points at.")
@click.option("-y", "--yes", is_flag=True, help="Show it although the output is a terminal.")
@reason_option
@click.pass_obj
def reveal(state: State, name: Name, version: int | None, stage: str | None, yes: bool) -> None:
    """Print the value of the secret NAME, every byte as it is. The audit chain records it.

    \b
    Examples:
      strongroom secret reveal db_password | psql-login
      strongroom secret reveal db_password --stage previous --yes
    """
    if version is not None and stage is not None:
        raise click.UsageError("--version and --stage exclude each other: give one.")
    terminal = sys.stdout.isatty()
    if terminal and not yes:
        raise click.UsageError("the value would show on this terminal. Add --yes if nobody is looking, or use a pipe.")
    value = state.open_store().read(name, version or Stage(stage or Stage.CURRENT))
    sys.stdout.buffer.write(value.reveal())
    if terminal:
        sys.stdout.buffer.write(b"\n")


for command in (ls, inspect, versions, push, adopt):
    secret.add_command(command)


def _value(name: Name, file: str | None, generate: int | None, alphabet: str) -> Value:
    """Get a value as the person asked for."""
    if file is not None and generate is not None:
        raise click.UsageError("FILE and --generate exclude each other: give one.")
    if generate is not None:
        return Value(password(generate, alphabet))
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError("no value: give FILE, '-' to read standard input, or --generate LENGTH.")
        typed = click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt="The same again", err=True)
        return Value(str(typed).encode())
    data = _read(sys.stdin.buffer) if file == "-" else _read_file(file)
    if data.endswith(b"\n") and data.count(b"\n") == 1:
        click.echo(
            "hint: the value ends in a newline, which is kept. strongroom's readers strip it; other programs may not. "
            "To leave it out, use: printf %s",
            err=True,
        )
    return Value(data)


def _read_file(file: str) -> bytes:
    try:
        with Path(file).open("rb") as opened:
            return _read(opened)
    except OSError as error:
        raise StrongroomError(f"{file} cannot be read: {error.strerror}.") from None


def _read(source: BinaryIO) -> bytes:
    return source.read(MAX_VALUE_BYTES + 1)  # enough to be refused, however much there is
