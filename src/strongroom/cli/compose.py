"""``strongroom compose``: Docker Compose, with its secrets where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .names import of_compose
from .state import State, reopened

if TYPE_CHECKING:
    from ..delivery.compose.project import Options

# What makes containers, and therefore needs the files; all else goes to Docker as it is.
_CREATING = ("up", "create", "run", "scale", "watch")
_STARTING = ("start", "restart")
_REMOVING = ("down", "rm")
_BECOMING = ("run", "watch")  # interactive: nothing is left to do after them


@click.command(
    short_help="Run docker compose with the secrets as files in memory",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A Compose file; may be given again.")
@click.option("-p", "--project-name", metavar="NAME", help="The project's name.")
@click.option("--project-directory", metavar="DIR", help="Where the files' paths start.")
@click.option("--profile", "profiles", multiple=True, metavar="PROFILE", help="A profile to enable.")
@click.option("--env-file", "environment_files", multiple=True, metavar="FILE", help="Another .env file.")
@click.option("--ansi", metavar="WHEN", help="Control characters: never, always or auto.")
@click.option("--progress", metavar="KIND", help="Progress: auto, tty, plain, json or quiet.")
@click.option("--parallel", metavar="N", help="How much is done at once.")
@click.option("--compatibility", is_flag=True, help="Compose's backward compatibility mode.")
@click.option("--all-resources", is_flag=True, help="Resources that no service uses, too.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...",
                shell_complete=of_compose)  # fmt: skip
@click.pass_context
def compose(
    context: click.Context,
    /,
    files: tuple[str, ...], project_name: str | None, project_directory: str | None,
    profiles: tuple[str, ...], environment_files: tuple[str, ...], command: tuple[str, ...], **words: str | bool | None,
) -> None:  # fmt: skip
    """Run docker compose COMMAND with the project's secrets: external ones from the store, with uid, gid and mode.

    Every command and option of Docker Compose works. The files lie in memory, each version under a path of its own, so
    that a changed secret recreates just the services that hold it (or signals them, where x-strongroom says so); 'down'
    removes them. Two commands are added:

    \b
      restore   stage the files again after a reboot, which emptied the memory
      unit      print a systemd unit that does so before Docker starts the containers

    \b
    Examples:
      strongroom compose up -d
      strongroom compose -f compose.yaml -f compose.dev.yaml run --rm api ./migrate
      strongroom compose down
      strongroom compose unit | sudo tee /etc/systemd/system/strongroom-shop.service
    """
    from ..delivery.compose.project import Options
    from ..docker import cli

    state: State = context.obj
    options = Options(files, project_name, project_directory, profiles, environment_files, _words(words))
    verb, *arguments = command
    if verb == "restore":
        _restore(state, options, arguments)
    elif verb == "unit":
        _unit(options)
    elif {"-h", "--help"} & set(arguments):
        cli.become(["compose", *options.typed(), *command])
    elif verb in _CREATING:
        context.exit(_create(state, options, command))
    elif verb in _STARTING:
        _restore_quietly(state, options)
        cli.become(["compose", *options.typed(), *command])
    elif verb in _REMOVING:
        context.exit(_remove(options, command))
    else:
        cli.become(["compose", *options.typed(), *command])


def _create(state: State, options: Options, command: tuple[str, ...]) -> int:
    from ..delivery.compose import project
    from ..docker import cli

    store = state.open_store_if_any(options.paths())
    origin = {"store": reopened(store) if store else "", "identity": _identity(state)}
    prepared = project.prepare(options, command[1:], store, origin)
    if store:
        store.close()
    if prepared is None:
        if store:
            click.echo(
                "hint: no service is granted a secret, so that the store has no part in it. See: strongroom check",
                err=True,
            )
        cli.become(["compose", *options.typed(), *command])
    arguments = ["compose", *prepared.arguments, *command]
    if command[0] in _BECOMING:
        cli.become(arguments)
    status = cli.call(arguments)
    prepared.settle()
    project.clean(prepared.project)
    return status


def _remove(options: Options, command: tuple[str, ...]) -> int:
    from ..delivery.compose import project
    from ..docker import cli

    name = project.project_name(options)
    status = cli.call(["compose", *options.typed(), *command])
    project.clean(name)
    return status


def _restore_quietly(state: State, options: Options) -> None:
    from ..delivery.compose import project, staging

    path = staging.manifest_path(project.project_name(options))
    if path.exists():
        project.restore(path, state.open_store_if_any(options.paths()), project.engine_if_any())


def _restore(state: State, options: Options, arguments: list[str]) -> None:
    from ..delivery.compose import project, staging

    if len(arguments) > 1:
        raise click.UsageError("restore takes at most one argument: the manifest that 'unit' names.")
    path = Path(arguments[0]) if arguments else staging.manifest_path(project.project_name(options))
    content = staging.load_manifest(path)
    if content and content.get("store") and state.store is None:
        state.store = content["store"]
    if content and content.get("identity") and state.identity_path is None:
        state.identity_path = Path(content["identity"])
    count = project.restore(path, state.open_store_if_any(), project.engine_if_any())
    click.echo(f"{count} files restored" if count else "nothing was missing")


def _unit(options: Options) -> None:
    from ..delivery.compose import project, staging, unit

    name = project.project_name(options)
    path = staging.manifest_path(name)
    click.echo(unit.text(name, path, staging.load_manifest(path)), nl=False)


def _identity(state: State) -> str:
    from ..stores.embedded import identity

    if state.identity_path is not None:
        return str(state.identity_path.resolve())
    return next((str(path.resolve()) for path in identity.candidates()), "")


def _words(given: dict[str, str | bool | None]) -> list[str]:
    words = []
    for name, value in given.items():
        if value:
            words.append(f"--{name.replace('_', '-')}")
            if isinstance(value, str):
                words.append(value)
    return words
