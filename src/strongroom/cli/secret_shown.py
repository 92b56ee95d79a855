"""``strongroom secret ls``, ``inspect`` and ``versions``: all that is known of secrets but their values."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from ..model import Name, Secret, Stage
from .output import ago, format_option, render, show
from .parameters import NAME
from .state import State


@click.command()
@click.option("-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE",
              help="Only name=PART, id=PREFIX, label=KEY or label=KEY=VALUE; may be given again.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Print IDs only.")
@format_option
@click.pass_obj
def ls(state: State, filters: tuple[str, ...], quiet: bool, template: str | None) -> None:
    """List secrets. Needs no identity: names, labels and times are not encrypted.

    \b
    Examples:
      strongroom secret ls
      strongroom secret ls --filter label=team=web --format '{{.Name}} {{.Version}}'
      strongroom secret ls --format json
    """
    matches = [_filter(text) for text in filters]
    found = [each for each in state.open_store().list() if all(match(each) for match in matches)]
    if quiet:
        for each in found:
            click.echo(each.id)
        return
    columns = {"ID": "ID", "NAME": "Name", "VERSION": "Version", "CREATED": "CreatedAt", "UPDATED": "UpdatedAt"}
    show([_row(each, template) for each in found], columns, template)


@click.command(short_help="Show all about secrets but their values, as JSON")
@click.argument("names", nargs=-1, required=True, type=NAME)
@click.option("-f", "--format", "template", metavar="TEMPLATE", help="Print by a template such as '{{.Spec.Labels}}'.")
@click.option("--pretty", is_flag=True, help="Print for people.")
@click.pass_obj
def inspect(state: State, names: tuple[Name, ...], template: str | None, pretty: bool) -> None:
    """Show all about secrets but their values, in the JSON of 'docker secret inspect'.

    \b
    Examples:
      strongroom secret inspect db_password
      strongroom secret inspect db_password --format '{{.Stages.current}}'
    """
    store = state.open_store()
    found = [_inspected(store.inspect(name)) for name in names]
    if template and template != "json":
        for each in found:
            click.echo(render(template, each))
    elif pretty:
        for each in found:
            _print_pretty(each)
    else:
        click.echo(json.dumps(found, indent=4, ensure_ascii=False))


@click.command(short_help="List the versions of a secret")
@click.argument("name", type=NAME)
@format_option
@click.pass_obj
def versions(state: State, name: Name, template: str | None) -> None:
    """List the versions of the secret NAME, the newest first, and the stages that point at them.

    \b
    Examples:
      strongroom secret versions db_password
      strongroom secret versions db_password --format '{{.Version}} {{.Stages}}'
    """
    found = state.open_store().inspect(name)
    rows = [
        {
            "Version": version.number,
            "Stages": [stage.value for stage in found.stages_of(version.number)],
            "CreatedAt": _when(version.created_at, template),
            "DestroyedAt": version.destroyed_at and _when(version.destroyed_at, template),
        }
        for version in reversed(found.versions)
    ]
    columns = {"VERSION": "Version", "STAGES": "Stages", "CREATED": "CreatedAt", "DESTROYED": "DestroyedAt"}
    show(rows, columns, template)


def _filter(text: str) -> Callable[[Secret], bool]:
    key, equals, wanted = text.partition("=")
    label, has_value, label_value = wanted.partition("=")
    match key:
        case "name":
            return lambda secret: wanted in secret.name
        case "id":
            return lambda secret: secret.id.startswith(wanted)
        case "label" if has_value:
            return lambda secret: secret.labels.get(label) == label_value
        case "label" if equals:
            return lambda secret: label in secret.labels
    raise click.UsageError(f"'{text}' is not a filter: give name=PART, id=PREFIX, label=KEY or label=KEY=VALUE.")


def _row(secret: Secret, template: str | None) -> dict[str, object]:
    return {
        "ID": secret.id,
        "Name": secret.name,
        "Version": secret.stages.get(Stage.CURRENT),
        "Stages": {stage.value: number for stage, number in secret.stages.items()},
        "Labels": dict(secret.labels),
        "CreatedAt": _when(secret.created_at, template),
        "UpdatedAt": _when(secret.updated_at, template),
    }


def _when(time: datetime, template: str | None) -> str:
    return _iso(time) if template == "json" else ago(time)


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _inspected(secret: Secret) -> dict[str, object]:
    return {
        "ID": secret.id,
        "Version": {"Index": len(secret.versions)},
        "CreatedAt": _iso(secret.created_at),
        "UpdatedAt": _iso(secret.updated_at),
        "Spec": {"Name": secret.name, "Labels": dict(secret.labels)},
        "Stages": {stage.value: number for stage, number in secret.stages.items()},
    }


def _print_pretty(inspected: dict[str, Any]) -> None:
    click.echo(f"ID:              {inspected['ID']}\nName:            {inspected['Spec']['Name']}")
    click.echo("Labels:")
    for key, text in inspected["Spec"]["Labels"].items():
        click.echo(f" - {key}={text}")
    click.echo("Stages:")
    for stage, number in inspected["Stages"].items():
        click.echo(f" - {stage}: version {number}")
    click.echo(f"Created at:      {inspected['CreatedAt']}\nUpdated at:      {inspected['UpdatedAt']}")
