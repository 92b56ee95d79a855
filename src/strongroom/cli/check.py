"""``strongroom check``: look before a deployment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EngineError
from .output import format_option, say, show
from .state import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from ..check import Row
    from ..compose import Project
    from ..docker.engine import Engine
    from ..practices.base import Verdict


@click.command(short_help="Look for missing and unreadable secrets beforehand")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A Compose file; may be given again.")
@click.option("--profile", "profiles", multiple=True, metavar="PROFILE", help="A profile to check, too.")
@click.option("--images", is_flag=True, help="Scan the services' images, too: whether a layer holds a secret.")
@click.option("--strict", is_flag=True, help="End with status 1 for warnings, too.")
@format_option
@click.pass_context
def check(
    context: click.Context, files: tuple[str, ...], profiles: tuple[str, ...], images: bool, strict: bool,
    template: str | None,
) -> None:  # fmt: skip
    """Check that each secret a service uses is there, and that the service's processes will be able to read it.

    The project is rendered by Docker, where it is installed; an image's user is looked up on the Engine. The exit
    status is 1 if a secret is missing or not readable. What is unused or undeclared is a warning. After that come the
    practices: what a project should do with its secrets, what each proves, and how to mend what is not so.

    \b
    Examples:
      strongroom check
      strongroom check -f compose.yaml -f compose.prod.yaml
      strongroom check --images --strict      in CI: look into the images, and fail for warnings
      strongroom check --format json
    """
    from ..check import check as check_project
    from ..practices import look
    from ..practices.base import Subject

    state: State = context.obj
    store = state.open_store_if_any([Path(file) for file in files])
    engine, unmanaged = find_engine()
    project, document, paths, environment = read_project(files, profiles)
    rows = check_project(project, store, engine, environment, unmanaged)
    columns = {"SERVICE": "Service", "SECRET": "Secret", "SOURCE": "Source", "VERSION": "Version", "FILE": "File",
               "USER": "User", "STATUS": "Status"}  # fmt: skip
    subject = Subject(project, document, paths, store, engine, state.identity_files(), images)
    verdicts = look(subject)
    if template is None or template == "table":
        show([_row(each) for each in rows], columns, template)
        _explain(rows)
        click.echo()
        _practices(verdicts)
        if engine is None:
            click.echo("note: no Docker Engine was reached, so that images and the swarm were not looked at", err=True)
    else:
        show([*(_row(each) for each in rows), *(_practice(each) for each in verdicts)], columns, template)
    warned = any(row.problem for row in rows) or any(each.outcome == "warning" for each in verdicts)
    if any(row.failed for row in rows) or (strict and warned):
        context.exit(1)


def read_project(
    files: tuple[str, ...], profiles: tuple[str, ...]
) -> tuple[Project, Mapping[str, Any], Sequence[Path], Mapping[str, str]]:
    """Return the project, its content and its files, and the variables that its secrets come from."""
    from ..compose import find, load_document, parse
    from ..delivery.compose.project import Options
    from ..docker import cli, render

    if cli.has_compose():
        options = Options(files, profiles=profiles or ("*",))
        document: Mapping[str, Any] = options.render()
        paths = render.project_files(files, None)
        project = parse(document, paths[0] if paths else find(Path.cwd()))
        variables = [secret.variable for secret in project.used if secret.variable]
        return project, document, paths, options.variables(variables) if variables else {}
    path = Path(files[0]) if files else find(Path.cwd())
    document = load_document(path)
    return parse(document, path), document, [path], dict(os.environ)


def find_engine() -> tuple[Engine | None, Collection[str]]:
    """Return the Engine, if there is one, and the names of the swarm's secrets."""
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


def _explain(rows: list[Row]) -> None:
    wrong = [row for row in rows if row.problem]
    if wrong:
        click.echo()
    for row in sorted(wrong, key=lambda each: not each.failed):
        what = f"{row.service}: {row.secret}" if row.service else row.secret
        say(f"{row.status}: {what}: {row.problem}\n    {row.fix}")
    failed = sum(row.failed for row in rows)
    click.echo(f"\n{len(rows)} looked at, {failed} wrong, {len(wrong) - failed} warnings")


def _practices(verdicts: Sequence[Verdict]) -> None:
    """Print what was seen of each practice, and of what is not so, how to mend it and why."""
    from ..practices.base import PROVES

    columns = {"PRACTICE": "Practice", "STATUS": "Status", "SUBJECT": "Service", "SEEN": "Problem"}
    show([{**_practice(each), "Problem": each.seen} for each in verdicts], columns, None)
    wrong = [each for each in verdicts if each.fix]
    for practice in dict.fromkeys(each.practice for each in wrong):
        click.echo(f"\n{practice}: so that {PROVES[practice]}")
        for subject, fix in dict.fromkeys((each.subject, each.fix) for each in wrong if each.practice == practice):
            say(f"    {subject}: {fix}" if subject else f"    {fix}")


def _practice(verdict: Verdict) -> dict[str, object]:
    """Return a practice in the form of the other rows; ``Problem`` is what was seen."""
    return {
        **dict.fromkeys(("Secret", "Source", "Version", "Target", "UID", "GID", "Mode", "File", "User")),
        "Practice": verdict.practice,
        "Service": verdict.subject,
        "Status": verdict.outcome,
        "Problem": verdict.seen,
        "Fix": verdict.fix,
    }


def _row(row: Row) -> dict[str, object]:
    grant = row.grant
    return {
        "Practice": "",
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
