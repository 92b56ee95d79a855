"""``strongroom exec``: the entrypoint of a container."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DeclarationError, InvalidName, InvalidReference
from .state import State

if TYPE_CHECKING:
    from ..delivery.cache import Cache
    from ..delivery.needed import Needed

_CANNOT_EXECUTE, _NOT_FOUND = 126, 127  # as the shell, env and docker run have it
_TERMINATED = 128 + signal.SIGTERM


@click.command(
    "exec",
    short_help="Be a container's entrypoint that fetches its secrets",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("-s", "--secret", "texts", multiple=True, metavar="NAME=REFERENCE",
              help="A file and the reference to its value; may be given again.")  # fmt: skip
@click.option("-f", "--file", "files", multiple=True, type=click.Path(path_type=Path),
              envvar="STRONGROOM_SECRETS_FILE", show_envvar=True, metavar="FILE",
              help="A TOML or YAML file with a table 'secrets'.")  # fmt: skip
@click.option("--directory", type=click.Path(path_type=Path), default="/run/secrets", show_default=True, metavar="DIR",
              help="Where the files go: a directory in memory.")  # fmt: skip
@click.option("--user", metavar="USER[:GROUP]", help="Run COMMAND as this user; the files are its own.")
@click.option("--optional", multiple=True, metavar="NAME", help="Start without this secret if there is none.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=30, show_default=True,
              metavar="SECONDS", help="How long a manager is tried.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), metavar="FILE",
              help="Keep the values here, encrypted to --identity, for a start while a manager is down.")  # fmt: skip
@click.option("--keep", multiple=True, metavar="VARIABLE",
              help="Leave this variable to COMMAND although a manager takes it as a login.")  # fmt: skip
@click.option("--watch", is_flag=True, help="Stay as COMMAND's parent: renew leases, and keep the files fresh.")
@click.option("--interval", type=click.FloatRange(min=0, min_open=True), default=60, show_default=True,
              metavar="SECONDS", help="With --watch: how often to look for changed values.")  # fmt: skip
@click.option("--signal", "change", metavar="SIGNAL", help="With --watch: the signal that tells COMMAND of a change.")
@click.option("--restart", is_flag=True, help="With --watch: start COMMAND anew after a change.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
@click.pass_obj
def exec_(
    state: State, texts: tuple[str, ...], files: tuple[Path, ...], directory: Path, user: str | None,
    optional: tuple[str, ...], timeout: float, cache: Path | None, keep: tuple[str, ...], watch: bool, interval: float,
    change: str | None, restart: bool, command: tuple[str, ...],
) -> None:  # fmt: skip
    """Fetch secrets, write them to files in memory, and become COMMAND: the entrypoint of a container.

    What to fetch stands in STRONGROOM_SECRETS, as NAME=REFERENCE,NAME=REFERENCE. A reference that ends in #* makes a
    file of each key, and NAME the start of their names. COMMAND finds each file by <NAME>_FILE, with mode 0400 and its
    own user as the owner; what the managers take as a login (VAULT_TOKEN, VAULT_SECRET_ID, ...) is not in its
    environment. COMMAND is not started when a secret is missing. With --watch, strongroom forwards signals, reaps
    orphans, ends with COMMAND's exit status, and gives back what it leased. 127 is the exit status for a COMMAND that
    is not found, 126 for one that cannot be executed.

    \b
    Examples:
      ENV STRONGROOM_SECRETS=db_password=vault://secret/myapp/db#password,app_=aws://myapp/production#*
      ENTRYPOINT ["strongroom", "exec", "--"]
      strongroom exec -s db=vault://database/creds/myapp#password --watch --signal HUP -- ./server
      strongroom exec --user app --cache /var/cache/app/secrets.age -- python app.py
    """
    if not watch and (change or restart):
        raise click.UsageError("--signal and --restart need --watch.")
    from ..delivery import entrypoint, users
    from ..stores.registry import References

    number = _signal(change)
    needed = _needed(texts, files, optional)
    signal.signal(signal.SIGTERM, _terminated)  # the first process of a container would not end by it
    settings = entrypoint.Settings(
        needed, command, directory, users.find(user) if user else None, state.core_limit, keep
    )
    reader, kept = References(timeout), _cache(state, cache)
    try:
        if not watch:
            entrypoint.run(settings, reader, kept, entrypoint.say)
        status = entrypoint.watch(
            settings, reader, kept, entrypoint.say, interval=interval, change=number, restart=restart
        )
    except (FileNotFoundError, PermissionError) as error:
        click.echo(f"strongroom: {error}", err=True)
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_EXECUTE
    click.get_current_context().exit(status)


def _needed(texts: tuple[str, ...], files: tuple[Path, ...], optional: tuple[str, ...]) -> list[Needed]:
    from ..delivery import needed

    try:
        found = [*needed.parse(os.environ.get(needed.VARIABLE, ""))]
        found += [each for text in texts for each in needed.parse(text, "--secret")]
        found += [each for file in files for each in needed.load(file)]
        together = needed.together(found)
    except (DeclarationError, InvalidName, InvalidReference) as error:
        raise click.UsageError(str(error)) from None
    if not together:
        raise click.UsageError(f"nothing to fetch: set {needed.VARIABLE}, or give --secret or --file.")
    if unknown := set(optional) - {each.name for each in together}:
        raise click.BadParameter(f"there is no '{min(unknown)}' among the secrets.", param_hint="--optional")
    return [each._replace(optional=True) if each.name in optional else each for each in together]


def _cache(state: State, path: Path | None) -> Cache | None:
    if path is None:
        return None
    if state.identity_path is None:
        raise click.UsageError("--cache needs an identity to encrypt to: strongroom --identity FILE exec --cache ...")
    from ..delivery.cache import Cache
    from ..stores.embedded import identity
    from .state import ask_passphrase

    return Cache(path, identity.load(state.identity_path, ask_passphrase))


def _signal(name: str | None) -> signal.Signals | None:
    if name is None:
        return None
    try:
        return signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]
    except KeyError:
        raise click.BadParameter(f"there is no signal '{name}'.", param_hint="--signal") from None


def _terminated(*_: object) -> None:
    raise SystemExit(_TERMINATED)
