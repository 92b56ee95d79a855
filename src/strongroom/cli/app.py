"""The root command: its options, the groups below it, and what becomes of errors."""

from __future__ import annotations

import errno
import resource
from importlib import import_module
from pathlib import Path

import click

from ..errors import StrongroomError
from .state import State

# Imported when they are called, so that no command pays for another's libraries.
_COMMANDS = {
    "init": "store:init",
    "secret": "secret:secret",
    "run": "run:run",
    "exec": "exec:exec_",
    "driver": "driver:driver",
    "check": "check:check",
    "doctor": "doctor:doctor",
    "grant": "grant:grant",
    "ignore": "ignore:ignore",
    "build": "build:build",
    "scan": "scan:scan",
    "compose": "compose:compose",
    "stack": "stack:stack",
    "status": "status:status",
    "rotate": "rotate:rotate",
    "rollback": "rotate:rollback",
    "watch": "rotate:watch",
    "audit": "audit:audit",
    "recipients": "store:recipients",
    "rekey": "store:rekey",
    "export": "store:export",
    "import": "import_:import_",
    "docker-plugin": "docker_plugin:docker_plugin",
    "completion": "completion:completion",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f".{module}", __package__), name)
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; click itself suggests none where it does not know them all beforehand."""
        if args[0] not in _COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            if close := get_close_matches(args[0], _COMMANDS, 1):
                ctx.fail(f"No such command '{args[0]}'. Did you mean '{close[0]}'?")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--store", envvar="STRONGROOM_STORE", metavar="DIR|URI", show_envvar=True,
              help="The store: a directory, or a URI such as vault://secret/myapp. By default what the Compose file's "
              "x-strongroom says, or .strongroom, here or in a directory above.")  # fmt: skip
@click.option("--identity", type=click.Path(path_type=Path), envvar="STRONGROOM_IDENTITY", metavar="FILE",
              show_envvar=True, help="The identity that opens the store: an age identity file or an SSH private key. "
              "By default ~/.config/strongroom/identity, then ~/.ssh/id_ed25519 and id_rsa.")  # fmt: skip
@click.option("--reason", envvar="STRONGROOM_REASON", default="", metavar="TEXT", show_envvar=True,
              help="Why it is done, for the audit. Commands that read or change values take it, too.")  # fmt: skip
@click.option("--debug", is_flag=True, help="Show where an error comes from. A traceback shows no values.")
@click.version_option(package_name="strongroom")
@click.pass_obj
def app(
    state: State, store: str | None, identity: Path | None, reason: str, debug: bool
) -> None:  # fmt: skip
    """Keep a project's secrets encrypted in one place, and put each one as a file in memory in front of its process.

    \b
    Examples:
      strongroom init                                        make a store for this project
      strongroom import .env                                 the secrets that are in a .env file
      strongroom secret create db_password --generate 32     a new random secret
      pass show db | strongroom secret create db_password -  one that you have
      strongroom run --secret db_password -- python app.py   the app finds it in /run/secrets
      strongroom audit ls                                    who did what
    """
    state.store, state.identity_path, state.reason, state.debug = store or None, identity, reason, debug


def run(program: str) -> int:
    """Run the command line with this process's arguments, and return its exit status."""
    # No core dump of ours: it would hold values. A command that we become gets the limit back.
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    state = State(core_limit=(soft, hard))
    try:
        return int(app.main(prog_name=program, standalone_mode=False, obj=state) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("strongroom: interrupted", err=True)
        return 130
    except (BrokenPipeError, ModuleNotFoundError):
        raise
    except Exception as error:
        if state.debug:
            import traceback

            traceback.print_exc()
        from .output import say

        say(f"strongroom: {_message(error)}", err=True)
        return 1


def _message(error: Exception) -> str:
    if isinstance(error, StrongroomError):
        return str(error)
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}. See who owns it and its directories: ls -ld"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"{error.filename or 'the output'} cannot be written: {error.strerror}."
    # Only the kind is shown: an unexpected error's text could hold anything.
    return f"unexpected {type(error).__name__}. Run it again with --debug, and report what it says."
