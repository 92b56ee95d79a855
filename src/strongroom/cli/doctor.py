"""``strongroom doctor``: why an application cannot read its secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .names import services
from .output import format_option, say, show
from .state import State

if TYPE_CHECKING:
    from ..doctor.model import Finding
    from ..stores.base import Store


@click.command(short_help="Find why an application cannot read its secret")
@click.argument("name", required=False, metavar="[SERVICE|CONTAINER]", shell_complete=services)
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A Compose file; may be given again.")
@click.option("--pid", type=click.IntRange(1), metavar="PID",
              help="A process that 'strongroom run' started; SERVICE says with whose grants.")  # fmt: skip
@format_option
@click.pass_context
def doctor(
    context: click.Context, name: str | None, files: tuple[str, ...], pid: int | None, template: str | None
) -> None:
    """Find why an application cannot read its secret, and print the command that mends it.

    Without an argument the whole project is looked at: its Compose file, the store, its containers and Swarm services.
    Values are compared, and never shown; reading them is recorded in the audit. The exit status is 1 if something was
    found. What each fault means is in docs/troubleshooting.md, under its name.

    \b
    Examples:
      strongroom doctor
      strongroom doctor api                       a service of the Compose file
      strongroom doctor shop_api --format json    a Swarm service
      strongroom doctor --pid 4711 api            what 'strongroom run --service api' started
    """
    from ..doctor.examine import examine
    from ..errors import DeclarationError

    state: State = context.obj
    try:
        found = examine(_store(state, files), name, files, pid)
    except DeclarationError as error:
        raise click.UsageError(str(error)) from None
    if template is None or template == "table":
        _explain(found.findings)
        if not found.findings:
            click.echo(f"nothing found: {found.secrets} secrets and {found.subjects} services, containers or processes "
                       "looked at")  # fmt: skip
        if not found.engine and pid is None:
            click.echo("note: no Docker Engine answered, so that containers and the swarm were not looked at", err=True)
    else:
        columns = {"FAULT": "Fault", "WHERE": "Where", "SECRET": "Secret", "SEEN": "Seen", "COMMAND": "Command"}
        show([_row(each) for each in found.findings], columns, template)
    if found.findings:
        context.exit(1)


def _store(state: State, files: tuple[str, ...]) -> Store | None:
    """Open the store. A Compose file that cannot be read, and may declare one, is found later."""
    from ..errors import DeclarationError

    try:
        return state.open_store_if_any([Path(file) for file in files])
    except DeclarationError:
        return None


def _explain(findings: list[Finding]) -> None:
    for each in findings:
        place = ": ".join(filter(None, (each.where, each.secret)))
        say(f"{each.fault}{f': {place}' if place else ''}\n    {each.seen}\n    $ {each.command}\n")


def _row(finding: Finding) -> dict[str, object]:
    return {
        "Fault": finding.fault,
        "Where": finding.where,
        "Secret": finding.secret,
        "Seen": finding.seen,
        "Command": finding.command,
    }
