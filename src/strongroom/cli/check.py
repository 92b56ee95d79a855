"""``strongroom check``: look before a deployment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EngineError
from .output import format_option, show
from .state import State

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..check import Row
    from ..docker.engine import Engine


@click.command()
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A Compose file; may be given again.")
@click.option("--profile", "profiles", multiple=True, metavar="PROFILE", help="A profile to check, too.")
@format_option
@click.pass_context
def check(context: click.Context, files: tuple[str, ...], profiles: tuple[str, ...], template: str | None) -> None:
    """Check that each secret a service uses is there, and that the service's processes will be able to read it.

    The project is rendered by Docker, where it is installed; an image's user is looked up on the Engine. The exit
    status is 1 if a secret is missing or not readable. What is wider than it needs to be, unused or undeclared is a
    warning.

    \b
    Examples:
      strongroom check
      strongroom check -f compose.yaml -f compose.prod.yaml
      strongroom check --format json
    """
    from ..check import check as check_project
    from ..compose import find, load, parse
    from ..delivery.compose.project import Options

    state: State = context.obj
    store = state.open_store_if_any()
    engine, unmanaged = _engine()
    if _has_docker():
        options = Options(files, profiles=profiles or ("*",))
        rendered = options.render()
        project = parse(rendered, Path(files[0]) if files else find(Path.cwd()))
        variables = [secret.variable for secret in project.used if secret.variable]
        environment = options.variables(variables) if variables else {}
    else:
        project = load(Path(files[0]) if files else find(Path.cwd()))
        environment = dict(os.environ)
    rows = check_project(project, store, engine, environment, unmanaged)
    columns = {"SERVICE": "Service", "SECRET": "Secret", "SOURCE": "Source", "VERSION": "Version", "FILE": "File",
               "USER": "User", "STATUS": "Status"}  # fmt: skip
    show([_row(each) for each in rows], columns, template)
    if template is None or template == "table":
        _explain(rows)
        if engine is None:
            click.echo("note: no Docker Engine was reached, so that images and the swarm were not looked at", err=True)
    if any(row.failed for row in rows):
        context.exit(1)


def _engine() -> tuple[Engine | None, Collection[str]]:
    from ..delivery.swarm import secrets
    from ..docker.engine import Engine, require_manager

    try:
        engine = Engine.connect()
    except EngineError:
        return None, ()
    try:
        require_manager(engine)
        return engine, secrets.names(engine)
    except EngineError:
        return engine, ()


def _has_docker() -> bool:
    import shutil

    return shutil.which("docker") is not None


def _explain(rows: list[Row]) -> None:
    wrong = [row for row in rows if row.problem]
    if wrong:
        click.echo()
    for row in sorted(wrong, key=lambda each: not each.failed):
        what = f"{row.service}: {row.secret}" if row.service else row.secret
        click.echo(f"{row.status}: {what}: {row.problem}\n    {row.fix}")
    failed = sum(row.failed for row in rows)
    click.echo(f"\n{len(rows)} looked at, {failed} wrong, {len(wrong) - failed} warnings")


def _row(row: Row) -> dict[str, object]:
    grant = row.grant
    return {
        "Service": row.service,
        "Secret": row.secret,
        "Source": row.source,
        "Version": row.version,
        "Target": grant and grant.target,
        "UID": grant and grant.uid,
        "GID": grant and grant.gid,
        "Mode": grant and f"{grant.mode:04o}",
        "File": grant and f"{grant.uid}:{grant.gid} {grant.mode:04o}",
        "User": row.user,
        "Status": row.status,
        "Problem": row.problem,
        "Fix": row.fix,
    }
