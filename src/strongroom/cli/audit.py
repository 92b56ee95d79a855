"""``strongroom audit``: what was done with the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING

import click

from ..errors import ChainBroken, StoreDamaged
from . import names
from .output import format_option, show
from .parameters import TIME
from .state import State

if TYPE_CHECKING:
    from ..audit.entries import Wanted
    from ..stores.embedded.audit import Entry

_ELSEWHERE = "it keeps its own record (Vault's audit devices, AWS CloudTrail, the audit logs of Google Cloud and Azure)"
_SECONDS = len("2026-01-31T15:04:05")
_json_option = click.option("--format", "template", type=click.Choice(["json"]), help="Print the result as JSON.")


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose entries; ``command`` gets them as ``wanted``."""

    @click.option("--secret", "secrets", multiple=True, metavar="PATTERN", shell_complete=names.secrets,
                  help="Only this secret, or those that match 'db_*'; may be given again.")  # fmt: skip
    @click.option("--actor", "actors", multiple=True, metavar="PATTERN", shell_complete=names.actors,
                  help="Only what this user did; may be given again.")  # fmt: skip
    @click.option("--action", "actions", multiple=True, metavar="ACTION", shell_complete=names.actions,
                  help="Only read, write, deliver, deny, fail, rotate, ...; may be given again.")  # fmt: skip
    @click.option("--since", type=TIME, metavar="TIME",
                  help="Only what was done since then: 10m ago, 2d ago, or 2026-01-31T15:04:05Z.")  # fmt: skip
    @click.option("--until", type=TIME, metavar="TIME", help="Only what was done before then.")
    @wraps(command)
    def filtered(
        *arguments: object, secrets: tuple[str, ...], actors: tuple[str, ...], actions: tuple[str, ...],
        since: datetime | None, until: datetime | None, **options: object,
    ) -> None:  # fmt: skip
        from ..audit.entries import Wanted
        from ..stores.embedded.audit import Action

        if unknown := set(actions) - set(Action):
            raise click.BadParameter(f"there is no '{min(unknown)}': there are {', '.join(Action)}.",
                                     param_hint="--action")  # fmt: skip
        command(*arguments, wanted=Wanted(secrets, actors, actions, since, until), **options)

    return filtered


@click.group(short_help="Show who did what and who can read what; verify it")
def audit() -> None:
    """Show what was done with the secrets and who can read them, and prove that the record is whole.

    \b
    Examples:
      strongroom audit ls --since 1h
      strongroom audit access
      strongroom audit verify
    """


@audit.command()
@_filters
@click.option("-n", "--last", type=click.IntRange(1), metavar="N", help="Only the last N of them.")
@format_option
@click.pass_obj
def ls(state: State, wanted: Wanted, last: int | None, template: str | None) -> None:
    """List the audit entries, the oldest first. Needs no identity, and proves nothing: see 'audit verify'.

    TO is the service or process that got a value; REASON is what its --reason said. On a terminal, lines end where it
    does; a pipe gets all, and --format json everything that was recorded.

    \b
    Examples:
      strongroom audit ls --secret db_password --since 2d
      strongroom audit ls --action deny --action fail
      strongroom audit ls --last 5 --format '{{.At}} {{.Actor}} {{.Action}} {{.Secret}}'
    """
    from ..audit.entries import row

    entries = [each for each in state.open_embedded(_ELSEWHERE).audit_entries() if wanted(each)]
    columns = {
        "SEQ": "Seq", "TIME": "At", "ACTOR": "Actor", "ACTION": "Action", "SECRET": "Secret", "VERSION": "Version",
        "TO": "To", "REASON": "Reason", "COMMAND": "Command", "HOST": "Host",
    }  # fmt: skip
    rows = [row(each) for each in entries[-(last or 0) :]]
    if template in (None, "table"):
        rows = [{**each, "At": f"{str(each['At'])[:_SECONDS]}Z"} for each in rows]
    show(rows, columns, template, cut=True)


@audit.command()
@_filters
@click.option("--after", type=click.IntRange(0, 2**63 - 1), default=0, metavar="SEQ",
              help="Only entries after this number: where another export ended.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Stay, and hand on entries as they come.")
@click.option("--to", "target", type=click.Choice(["stdout", "syslog", "journald"]), default="stdout",
              show_default=True, help="Where they go.")  # fmt: skip
@click.pass_obj
def export(state: State, wanted: Wanted, after: int, follow: bool, target: str) -> None:
    """Hand on the audit entries, each as a line of JSON. Needs no identity.

    'Code' is an entry's authentication code: the store cannot lose an entry unnoticed whose code is kept elsewhere.
    In the journal each field is one of its own: journalctl -t strongroom STRONGROOM_SECRET=db_password.

    \b
    Examples:
      strongroom audit export --since 2026-01-01 > audit.jsonl
      strongroom audit export --follow --to journald
      strongroom audit export --after 1041 --to syslog
    """
    from ..audit import handing

    store = state.open_embedded(_ELSEWHERE)
    entries = handing.follow(store.audit_entries, after) if follow else store.audit_entries(after)
    hand_on = {"stdout": _print, "syslog": handing.to_syslog, "journald": handing.to_journal}[target]
    for entry in entries:
        if wanted(entry):
            hand_on(entry)


def _print(entry: Entry) -> None:
    from ..audit.handing import line

    click.echo(line(entry))  # and flushes it


@audit.command()
@_json_option
@click.pass_context
def verify(context: click.Context, template: str | None) -> None:
    """Check the whole store, and name the first thing that is wrong.

    No audit entry was changed, moved or removed, nothing in the store was changed without one, and every value opens.

    \b
    Examples:
      strongroom audit verify && echo untouched
      strongroom audit verify --format json
    """
    state: State = context.obj
    try:
        count = state.open_embedded(_ELSEWHERE).verify()
    except StoreDamaged as error:
        if not template:
            raise
        entry = error.entry if isinstance(error, ChainBroken) else None
        click.echo(json.dumps({"Verified": False, "Entry": entry, "Problem": str(error)}))
        context.exit(1)
    if template:
        click.echo(json.dumps({"Verified": True, "Entries": count}))
    else:
        click.echo(f"{count} audit entries verified; the secrets are what they say, and every value opens.")


@audit.command(short_help="Show who can read each secret, beside who did")
@_filters
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A Compose file; may be given again.")
@format_option
@click.pass_obj
def access(state: State, wanted: Wanted, files: tuple[str, ...], template: str | None) -> None:
    """Show who can read each secret, by the Compose file's grants, beside who did, by the audit chain.

    A row is a service and the user that its processes run as, or a person (user@host) who read the value; '*' are the
    store's recipients, who can read everything. MAY is 'undeclared' for who got it although the file does not grant it.
    The other options choose which entries are counted.

    \b
    Examples:
      strongroom audit access
      strongroom audit access --secret db_password --since 30d --format json
    """
    from ..audit.access import EVERYTHING, matrix
    from ..errors import DeclarationError
    from .check import find_engine, read_project

    store = state.open_embedded(_ELSEWHERE)
    try:
        project = read_project(files, ())[0]
    except DeclarationError:
        if files:
            raise
        project = None  # none here: then there is only who did
    entries = [each for each in store.audit_entries() if wanted(each)]
    found = matrix(project, store.recipients(), entries, find_engine()[0])
    rows = [
        {"Secret": each.secret, "Service": each.to, "User": each.user, "May": each.may.value, "Reads": each.reads,
         "Version": each.version, "Last": each.last or None}
        for each in found if each.secret == EVERYTHING or wanted.about(each.secret)
    ]  # fmt: skip
    columns = {"SECRET": "Secret", "SERVICE": "Service", "USER": "User", "MAY": "May", "READS": "Reads",
               "VERSION": "Version", "LAST": "Last"}  # fmt: skip
    show(rows, columns, template)
