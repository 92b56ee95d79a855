"""``strongroom ignore``: keep secrets out of build contexts and repositories."""

from __future__ import annotations

from pathlib import Path

import click

from .output import format_option, show


@click.command(short_help="Keep secrets out of build contexts and of Git")
@click.option("--check", "only_check", is_flag=True,
              help="Write nothing; list files that are exposed, and end with 1 if there are any.")  # fmt: skip
@format_option
@click.argument("directory", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def ignore(context: click.Context, only_check: bool, template: str | None, directory: Path) -> None:
    """Keep secrets in DIRECTORY (by default here) out of build contexts and of Git.

    Lines for keys, .env files (not .env.example), credentials of tools and secrets/ go to the top of .dockerignore and
    .gitignore; what is there stays, and still decides. Afterwards, and with --check, files are listed that a build
    would send all the same, or that Git tracks or would take.

    \b
    Examples:
      strongroom ignore
      strongroom ignore --check
      strongroom ignore --check --format json services/api
    """
    from .. import ignore as ignored

    for kind in (ignored.DOCKER, ignored.GIT):
        new = ignored.missing(directory, kind) if only_check else ignored.write(directory, kind)
        if new:
            verb = "would be added" if only_check else "added"
            click.echo(f"{len(new)} lines {verb} to {directory / kind}", err=True)
    found = ignored.exposed(directory)
    if found or template is not None:
        rows = [{"Path": _shown(each.path), "Problem": each.problem, "Fix": _shown(each.fix)} for each in found]
        show(rows, {"FILE": "Path", "PROBLEM": "Problem", "FIX": "Fix"}, template)
    if not found:
        click.echo("no secret is exposed", err=True)
    elif only_check:
        context.exit(1)


def _shown(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape", errors="backslashreplace").decode()
