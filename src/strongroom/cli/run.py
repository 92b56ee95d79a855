"""``strongroom run``: a process with its secrets at ``/run/secrets``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import StrongroomError
from ..model import Grant, Stage
from .names import secrets, services
from .parameters import reason_option
from .state import State

if TYPE_CHECKING:
    from ..delivery.files import Granted

_CANNOT_EXECUTE, _NOT_FOUND = 126, 127  # as the shell, env and docker run have it


@click.command(
    short_help="Run a command with secrets as files in memory",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("-s", "--secret", "grants", multiple=True, metavar="NAME[=TARGET][,mode=,uid=,gid=]",
              shell_complete=secrets, help="Grant a secret; may be given again.")  # fmt: skip
@click.option("-f", "--file", type=click.Path(path_type=Path), metavar="COMPOSE",
              help="A Compose file; by default the one here or above.")  # fmt: skip
@click.option(
    "--service", metavar="SERVICE", shell_complete=services, help="Grant what the Compose file grants this service."
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
@reason_option
@click.pass_obj
def run(
    state: State, grants: tuple[str, ...], file: Path | None, service: str | None, command: tuple[str, ...]
) -> None:
    """Run COMMAND with its secrets as files in /run/secrets, as a container has them.

    The files are in memory, only COMMAND and its children see them, and they are gone when it ends, however that is.
    strongroom becomes COMMAND: signals and the exit status are its own. A file's owner is set only for root; else it is
    you. Where the system allows no private mount, the files lie in a private directory in memory, and SECRETS_DIR and
    <NAME>_FILE say where. 127 is the exit status for a COMMAND that is not found, 126 for one that cannot be executed.

    \b
    Examples:
      strongroom run --secret db_password -- python app.py
      strongroom run -s db_password=password,mode=0400 -s tls_key -- ./server --port 8080
      strongroom run --service api -- npm start
    """
    if not grants and service is None:
        raise click.UsageError("nothing to grant: give --secret NAME, or --service SERVICE of a Compose file.")
    if file is not None and service is None:
        raise click.UsageError("--file needs --service: which of its services is this?")
    from ..delivery import process

    granted = _from_store(state, grants, f"process {Path(command[0]).name}")
    if service is not None:
        from ..delivery.declared import granted_to

        granted += granted_to(service, file, partial(state.open_store, [file] if file else ()))
    try:
        process.run(granted, command, state.core_limit)
    except (FileNotFoundError, PermissionError) as error:
        click.echo(f"strongroom: {error}", err=True)
        click.get_current_context().exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_EXECUTE)


def _from_store(state: State, texts: tuple[str, ...], to: str) -> list[Granted]:
    if not texts:
        return []
    from ..stores.audited import read_for

    grants = [_grant(text) for text in texts]
    store = state.open_store()
    values = read_for(store, [(grant.secret, Stage.CURRENT) for grant in grants], to)
    store.close()
    return list(zip(grants, values, strict=True))


def _grant(text: str) -> Grant:
    from ..grants import parse

    try:
        return parse(text)
    except StrongroomError as error:
        raise click.BadParameter(str(error), param_hint="--secret") from None
