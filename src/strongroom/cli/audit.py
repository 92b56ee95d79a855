"""``strongroom audit``: what was done with the store."""

from __future__ import annotations

import click

from .output import format_option, show
from .state import State


@click.group()
def audit() -> None:
    """Show what was done with the secrets, and prove that the record is whole.

    \b
    Examples:
      strongroom audit ls --last 20
      strongroom audit verify
    """


@audit.command()
@click.option("-n", "--last", type=click.IntRange(1), metavar="N", help="Only the last N entries.")
@format_option
@click.pass_obj
def ls(state: State, last: int | None, template: str | None) -> None:
    """List the audit entries, the oldest first. Needs no identity, and proves nothing: see 'audit verify'.

    \b
    Examples:
      strongroom audit ls
      strongroom audit ls --last 5 --format '{{.At}} {{.Actor}} {{.Action}} {{.Secret}}'
    """
    entries = state.open_store().audit_entries()[-(last or 0) :]
    rows = [
        {
            "Seq": entry.seq,
            "At": entry.at,
            "Actor": entry.actor,
            "Host": entry.host,
            "Command": entry.command,
            "Action": entry.action.value,
            "Secret": entry.secret,
            "Version": entry.version,
            "Detail": entry.detail,
        }
        for entry in entries
    ]
    columns = {
        "SEQ": "Seq", "TIME": "At", "ACTOR": "Actor", "HOST": "Host", "COMMAND": "Command", "ACTION": "Action",
        "SECRET": "Secret", "VERSION": "Version",
    }  # fmt: skip
    show(rows, columns, template)


@audit.command()
@click.pass_obj
def verify(state: State) -> None:
    """Check the whole store, and name the first thing that is wrong.

    No audit entry was changed or removed, nothing in the store was changed without one, and every value opens.

    \b
    Examples:
      strongroom audit verify && echo untouched
    """
    count = state.open_store().verify()
    click.echo(f"{count} audit entries verified; the secrets are what they say, and every value opens.")
