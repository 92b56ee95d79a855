"""``strongroom import``: secrets from a bundle, or from a ``.env`` file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import StrongroomError
from .parameters import reason_option
from .state import State, ask_passphrase


@click.command("import", short_help="Take over the secrets of a bundle or a .env file")
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
@click.option("--skip-existing", is_flag=True, help="Leave out secrets that are in the store already.")
@click.option("--passphrase", is_flag=True, help="The bundle was encrypted with a passphrase.")
@click.option("-v", "--variable", "variables", multiple=True, metavar="NAME",
              help="Of a .env file, take this variable, and others only if they are named, too. By default those that "
              "hold a secret by their name, or a URL with a password.")  # fmt: skip
@reason_option
@click.pass_obj
def import_(state: State, file: Path, skip_existing: bool, passphrase: bool, variables: tuple[str, ...]) -> None:
    """Take over all secrets of FILE, all of them or none: a bundle of 'strongroom export', or a .env file.

    A bundle has versions, labels and stages, which are taken over as well. Of a .env file, the variables that hold
    secrets become secrets whose names are in lower case. The file stays as it is.

    \b
    Examples:
      strongroom import .env                         then 'strongroom check' says which service to grant them to
      strongroom import .env -v ADMIN_PIN -v LICENSE
      strongroom import backup.age
      ssh server strongroom export -o - | strongroom import -
    """
    from ..stores.embedded import bundle

    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise StrongroomError(f"{file} cannot be read: {error.strerror}.") from None
    if not bundle.is_encrypted(data) and not passphrase:
        _from_variables(state, file, data, variables, skip_existing)
        return
    if variables:
        raise click.UsageError("--variable is for a .env file, and this is a bundle.")
    store = state.open_embedded()
    records = bundle.decrypt(data, state.identities(), ask_passphrase("Passphrase: ") if passphrase else None)
    taken = store.import_secrets(records, skip_existing=skip_existing)
    click.echo(f"{len(taken)} secrets imported, {len(records) - len(taken)} left out")


def _from_variables(state: State, file: Path, data: bytes, wanted: tuple[str, ...], skip_existing: bool) -> None:
    from .. import dotenv

    present = dotenv.read(data, file)
    chosen = dotenv.choose(present, file, wanted)
    taken = state.open_embedded().import_secrets(dotenv.records(chosen), skip_existing=skip_existing)
    for variable in chosen:
        name = dotenv.name_of(variable)
        click.echo(f"{variable} -> {name}" if name in taken else f"{variable}: left out, {name} is in the store")
    if others := [name for name in present if name not in chosen]:
        click.echo(
            f"hint: not taken: {', '.join(others)}. If one is a secret: strongroom import {file} -v NAME", err=True
        )
    if taken:
        click.echo(
            "hint: 'strongroom check' says which service to grant them to. When it runs with them, delete their lines "
            f"from {file}.",
            err=True,
        )
