"""``strongroom completion``: the script that teaches a shell to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print the completion script for a shell")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell; it completes commands, options, and names that are there.

    \b
    Examples:
      strongroom completion bash > ~/.local/share/bash-completion/completions/strongroom
      strongroom completion zsh > ~/.zfunc/_strongroom
      strongroom completion fish > ~/.config/fish/completions/strongroom.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}.")
    click.echo(found(context.find_root().command, {}, "strongroom", "_STRONGROOM_COMPLETE").source())
