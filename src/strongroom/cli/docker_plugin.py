"""``strongroom docker-plugin``: every command as ``docker strongroom``, by Docker's protocol for plugins of its CLI.

Docker runs ``docker-strongroom docker-cli-plugin-metadata`` to learn of it; then with all the words that were typed
after ``docker`` (docker/cli, cli-plugins/manager); and, to complete what is being typed, with ``__complete``, which is
cobra's protocol.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import click

from ..errors import StrongroomError

_NAME = "docker-strongroom"
_MARK = "# strongroom as a command of Docker's. Made by: strongroom docker-plugin install"
# cobra's directives: no files are to be offered, or what a shell does by itself, or directories.
_NO_FILES, _DEFAULT, _DIRECTORIES = 4, 0, 16


@click.group("docker-plugin")
def docker_plugin() -> None:
    """Make every command work as 'docker strongroom ...', too.

    \b
    Examples:
      strongroom docker-plugin install
      docker strongroom secret ls
    """


@docker_plugin.command(short_help="Put the plugin where Docker looks for it")
def install() -> None:
    """Put the plugin where Docker's command line looks for this user's: ~/.docker/cli-plugins, or DOCKER_CONFIG's.

    \b
    Examples:
      strongroom docker-plugin install
    """
    path = _path()
    if path.exists() and not _is_ours(path):
        raise StrongroomError(f"{path} is there already, and not strongroom's. Remove it first.")
    # With -P Python imports nothing from the directory that one happens to be in.
    text = f'#!/bin/sh\n{_MARK}\nexec {shlex.quote(sys.executable)} -P -m strongroom.cli.docker_plugin "$@"\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755), "w") as file:
            file.write(text)
    except OSError as error:
        raise StrongroomError(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"{path} written. Try: docker strongroom secret ls")


@docker_plugin.command()
def uninstall() -> None:
    """Remove the plugin again.

    \b
    Examples:
      strongroom docker-plugin uninstall
    """
    path = _path()
    if not path.exists():
        raise StrongroomError(f"there is no {path}: nothing is installed.")
    if not _is_ours(path):
        raise StrongroomError(f"{path} is not strongroom's, and stays.")
    path.unlink()
    click.echo(f"{path} removed")


def _path() -> Path:
    configuration = os.environ.get("DOCKER_CONFIG")
    return (Path(configuration) if configuration else Path.home() / ".docker") / "cli-plugins" / _NAME


def _is_ours(path: Path) -> bool:
    try:
        return _MARK in path.read_text()
    except (OSError, UnicodeDecodeError):
        return False


def main() -> None:
    """Do what Docker's command line asks of the plugin."""
    verb, *words = sys.argv[1:] or [""]
    if verb == "docker-cli-plugin-metadata":
        click.echo(json.dumps(_metadata()))
    elif verb == "__complete":
        _complete(words[1:])
    else:
        from . import main as run

        # Units that we print name the program, and not this module.
        sys.argv = [str(Path(sys.executable).with_name("strongroom")), *_words(sys.argv[1:])]
        run("docker strongroom")


def _metadata() -> dict[str, str]:
    return {
        "SchemaVersion": "0.1.0",
        "Vendor": "The strongroom authors",
        "Version": version("strongroom"),
        "ShortDescription": "The whole life of secrets",
    }


def _words(typed: list[str]) -> list[str]:
    """Return the words for us. What was typed before our name are Docker's own options, which we follow."""
    before, after = typed[: typed.index("strongroom")], typed[typed.index("strongroom") + 1 :]
    followed = _global.main(before, prog_name="docker", standalone_mode=False)
    return [*after, "--help"] if followed == "help" else after


@click.command(context_settings={"allow_interspersed_args": False, "help_option_names": []})
@click.option("--config")
@click.option("-c", "--context", "name")
@click.option("-H", "--host")
@click.option("-l", "--log-level", expose_value=False)
@click.option("-D", "--debug", is_flag=True, expose_value=False)
@click.option("--tlsverify", is_flag=True)
@click.argument("verb", required=False)
def _global(config: str | None, name: str | None, host: str | None, tlsverify: bool, verb: str | None) -> str | None:
    """Follow Docker's options as docker/cli does: a context that is named counts more than DOCKER_HOST."""
    if name:
        os.environ.pop("DOCKER_HOST", None)
    given = {"DOCKER_CONFIG": config, "DOCKER_CONTEXT": name, "DOCKER_HOST": host,
             "DOCKER_TLS_VERIFY": "1" if tlsverify else None}  # fmt: skip
    os.environ.update({variable: text for variable, text in given.items() if text})
    return verb


def _complete(words: list[str]) -> None:
    from click.shell_completion import ShellComplete

    from .app import app

    found = ShellComplete(app, {}, "docker strongroom", "").get_completions(words[:-1], words[-1])
    for each in found:
        if each.type == "plain":
            click.echo(f"{each.value}\t{(each.help or '').partition(chr(10))[0]}".rstrip())
    kinds = {each.type for each in found}
    click.echo(f":{_DIRECTORIES if 'dir' in kinds else _DEFAULT if 'file' in kinds else _NO_FILES}")


if __name__ == "__main__":
    main()
