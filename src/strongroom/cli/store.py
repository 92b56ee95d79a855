"""The commands about the store itself: ``init``, ``recipients``, ``rekey``, ``export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import IdentityError, StoreUnsupported, StrongroomError
from .output import format_option, show
from .parameters import reason_option
from .state import State, ask_new_passphrase, ask_passphrase, command

if TYPE_CHECKING:
    from ..stores.embedded.keys import Recipient

_ELSEWHERE = "who may read it, its own policies say"
_RECIPIENT_HELP = "An age or SSH public key, or a file with one (id_ed25519.pub); may be given again."


@click.command(short_help="Make a store for the project")
@click.option("-r", "--recipient", "keys", multiple=True, metavar="KEY", help=_RECIPIENT_HELP)
@click.option("--passphrase", is_flag=True, help="Protect the new identity with a passphrase.")
@click.option(
    "--dev",
    is_flag=True,
    help="Make the files of the secrets that the Compose file declares by 'file:', "
    "with random values, instead of a store.",
)
@click.argument("directory", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def init(state: State, keys: tuple[str, ...], passphrase: bool, dev: bool, directory: Path) -> None:
    """Make a store for the project in DIRECTORY (by default here).

    The store is encrypted to your identity, which lies outside of the project and is made if you have none, and to the
    recipients you name.

    \b
    Examples:
      strongroom init
      strongroom init --passphrase                       asked for when a value is read or written
      strongroom init -r colleague.pub -r age1...        others may open it as well
      strongroom --identity ~/.ssh/id_ed25519 init       your SSH key is your identity
      strongroom init --dev                              secrets/ for development, ignored by Git and Docker
    """
    if dev:
        if keys or passphrase:
            raise click.UsageError("--dev makes no store, so that --recipient and --passphrase mean nothing with it.")
        _init_dev(directory.resolve())
        return
    from ..ignore import add_line
    from ..stores.embedded import DIRECTORY, EmbeddedStore, identity
    from ..stores.embedded.audit import Origin
    from ..stores.embedded.keys import Recipient

    project = directory.resolve()
    if uri := state.uri(directory=project):
        raise StoreUnsupported(f"this project's store is {uri}: there is none to make.")
    target = project / DIRECTORY
    if target.exists():
        raise StoreUnsupported(f"there is a store in {target} already.")
    others = [_recipient(key) for key in keys]
    path = state.identity_path or identity.default_path()
    made = not path.exists()
    if made:
        own = identity.create(path, ask_new_passphrase() if passphrase else None)
    elif passphrase:
        raise IdentityError(f"there is an identity at {path} already. Name a new one: strongroom --identity FILE init")
    else:
        own = identity.load(path, ask_passphrase)
    recipients = list({each.key: each for each in (Recipient.parse(own.recipient()), *others)}.values())
    EmbeddedStore.init(target, recipients, lambda: [own], Origin.here(command(), state.reason))
    click.echo(f"Store:      {target}")
    click.echo(f"Identity:   {path}{' (new: keep a copy, it alone opens the store)' if made else ''}")
    for each in recipients:
        click.echo(f"Recipient:  {each.key}")
    if add_line(project / ".dockerignore", DIRECTORY):
        click.echo(f"Added {DIRECTORY} to {project / '.dockerignore'}")
    if (project / ".env").is_file():
        click.echo("hint: there is a .env file. To take its secrets over: strongroom import .env", err=True)


def _init_dev(project: Path) -> None:
    from ..scaffold import scaffold

    done = scaffold(project)
    for path in done.made:
        click.echo(f"Made {path.relative_to(project)}, with a random value")
    for path in done.present:
        click.echo(f"Left {path} as it is")
    for path, line in done.ignored:
        click.echo(f"Added {line} to {path.name}")


@click.group()
def recipients() -> None:
    """Say who may open the store.

    \b
    Examples:
      strongroom recipients add ~/colleague.pub
      strongroom recipients ls
    """


@recipients.command()
@format_option
@click.pass_obj
def ls(state: State, template: str | None) -> None:
    """List the recipients.

    \b
    Examples:
      strongroom recipients ls --format '{{.Recipient}}'
    """
    rows = [{"Recipient": each.key, "Comment": each.comment} for each in state.open_embedded(_ELSEWHERE).recipients()]
    show(rows, {"RECIPIENT": "Recipient", "COMMENT": "Comment"}, template)


@recipients.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@reason_option
@click.pass_obj
def add(state: State, keys: tuple[str, ...]) -> None:
    """Let others open the store. A KEY is an age or SSH public key, or a file with one.

    \b
    Examples:
      strongroom recipients add age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
      strongroom recipients add ~/colleague.pub
    """
    store = state.open_embedded(_ELSEWHERE)
    wanted = {each.key: each for each in (*store.recipients(), *map(_recipient, keys))}
    store.set_recipients(list(wanted.values()))


@recipients.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@reason_option
@click.pass_obj
def rm(state: State, keys: tuple[str, ...]) -> None:
    """Shut others out. The store's key is changed, so that one they kept opens nothing that is written from now on.

    They may have read what was there: give those secrets new values.

    \b
    Examples:
      strongroom recipients rm ~/colleague.pub
    """
    store = state.open_embedded(_ELSEWHERE)
    gone = {_recipient(key).key for key in keys}
    before = store.recipients()
    if unknown := gone - {each.key for each in before}:
        raise StrongroomError(f"{min(unknown)} is not a recipient. See: strongroom recipients ls")
    store.set_recipients([each for each in before if each.key not in gone])
    click.echo("The store has a new key. Who was removed may know the present values: update them.", err=True)


@click.command(short_help="Change the store's key")
@reason_option
@click.pass_obj
def rekey(state: State) -> None:
    """Change the store's key: every value is encrypted anew, for the same recipients.

    \b
    Examples:
      strongroom rekey
    """
    click.echo(f"{state.open_embedded().rekey()} values are sealed with a new key.")


@click.command(short_help="Write all secrets to one age-encrypted file")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The file to write; '-' for a pipe."
)
@click.option(
    "-r", "--recipient", "keys", multiple=True, metavar="KEY", help=f"{_RECIPIENT_HELP} By default the store's."
)
@click.option("--passphrase", is_flag=True, help="Encrypt with a passphrase instead.")
@reason_option
@click.pass_obj
def export(state: State, output: Path, keys: tuple[str, ...], passphrase: bool) -> None:
    """Write all secrets with their versions to one age-encrypted file, for a backup or another store.

    \b
    Examples:
      strongroom export -o backup.age
      strongroom export -o for-the-server.age -r age1...
    """
    from ..stores.embedded import bundle, identity

    if keys and passphrase:
        raise click.UsageError("--recipient and --passphrase exclude each other: give one.")
    if str(output) == "-" and sys.stdout.isatty():
        raise click.UsageError("the bundle is binary: give a file, or use a pipe.")
    secret = ask_new_passphrase() if passphrase else None
    store = state.open_embedded()
    targets = [_recipient(key) for key in keys] or store.recipients()
    records = store.export_secrets()
    data = bundle.encrypt(records, targets, secret)
    if str(output) == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        identity.write_new(output, data)
    except FileExistsError:
        raise StrongroomError(f"{output} exists already. Give another file, or remove it first.") from None
    except OSError as error:
        raise StrongroomError(f"{output} cannot be written: {error.strerror}.") from None
    click.echo(f"{len(records)} secrets exported to {output}")


def _recipient(text: str) -> Recipient:
    from ..stores.embedded.keys import Recipient

    path = Path(text).expanduser()
    try:
        if path.is_file():
            lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
            text = lines[0] if lines else ""
    except (OSError, UnicodeDecodeError):
        raise IdentityError(f"{path} is not a file with a public key.") from None
    return Recipient.parse(text)
