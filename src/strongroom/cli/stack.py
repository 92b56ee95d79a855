"""``strongroom stack``: deploy stacks to Docker Swarm with their secrets, and remove them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .names import stacks
from .parameters import reason_option
from .progress import reporting
from .state import State


@click.group(short_help="Deploy stacks to Docker Swarm, and remove them")
def stack() -> None:
    """Deploy stacks to Docker Swarm with their secrets, and remove them.

    \b
    Examples:
      strongroom stack deploy -c compose.yaml shop
      strongroom stack rm shop
    """


@stack.command(short_help="Deploy a stack with its secrets, and see it through")
@click.option("-c", "--compose-file", "files", multiple=True, required=True, metavar="FILE",
              type=click.Path(path_type=Path, allow_dash=True),
              help="A Compose file, or - for standard input; may be given again.")  # fmt: skip
@click.option("--prune", is_flag=True, help="Remove services that are in the stack no more.")
@click.option("--resolve-image", type=click.Choice(["always", "changed", "never"]), help="As in docker stack deploy.")
@click.option("--with-registry-auth", is_flag=True, help="Send registry credentials to the nodes.")
@click.option("-d", "--detach", is_flag=True, help="Return at once: nothing is watched, or put back.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option("--rollback/--no-rollback", default=True, show_default=True,
              help="Put specs and secrets back when a service fails.")  # fmt: skip
@click.option("--timeout", type=click.IntRange(1), default=600, show_default=True, metavar="SECONDS",
              help="A service that has not converged by then failed.")  # fmt: skip
@click.option("--format", "template", type=click.Choice(["json"]), help="Print what was done as JSON.")
@click.argument("name", metavar="STACK", shell_complete=stacks)
@reason_option
@click.pass_obj
def deploy(
    state: State, files: tuple[Path, ...], prune: bool, resolve_image: str | None, with_registry_auth: bool,
    detach: bool, quiet: bool, rollback: bool, timeout: int, template: str | None, name: str,
) -> None:  # fmt: skip
    """Deploy STACK with the current version of each of its secrets, and see it through.

    Each version is a Swarm secret NAME.vN; services find it under the target that the file declares. When a service
    fails, all services and secrets of the stack are put back as they were, and the exit status is 1. Secrets may be
    external (then they come from the store), files, or environment variables; a changed one replaces only the tasks
    of the services that hold it. Old versions go when nothing holds them.

    \b
    Examples:
      strongroom stack deploy -c compose.yaml shop
      strongroom stack deploy -c compose.yaml -c compose.prod.yaml --with-registry-auth --prune shop
      strongroom stack deploy -c compose.yaml --detach shop
    """
    from ..delivery.swarm import stack as stacks

    flags = [flag for flag, wanted in (("--prune", prune), ("--with-registry-auth", with_registry_auth)) if wanted]
    flags += ["--resolve-image", resolve_image] if resolve_image else []
    options = stacks.Options(flags, detach, rollback, timeout)
    paths = [None if str(file) == "-" else file for file in files]
    with reporting(quiet) as report:
        done = stacks.deploy(paths, name, state.open_store_if_any([path for path in paths if path]), options, report)
    for line in done.warnings.splitlines():
        click.echo(line, err=True)
    if template:
        click.echo(json.dumps({
            "Stack": name,
            "Created": [each.name for each in done.created],
            "Removed": [each.name for each in done.pruned],
            "Unmanaged": done.unmanaged,
            "Services": [{"Name": each.name, "Running": each.running, "State": each.state} for each in done.services],
        }))  # fmt: skip
        return
    for each in done.created:
        click.echo(f"secret {each.name} created")
    for each in done.pruned:
        click.echo(f"secret {each.name} removed: nothing holds it")
    for secret in done.unmanaged:
        click.echo(f"secret {secret} is the swarm's own: strongroom leaves it alone. To take it over: "
                   f"strongroom secret adopt {secret} --service SERVICE", err=True)  # fmt: skip
    converged = "" if detach else f": {len(done.services)} services converged"
    click.echo(f"stack {name} deployed{converged}")


@stack.command(short_help="Remove stacks, and the Swarm secrets that only they held")
@click.argument("names", nargs=-1, required=True, metavar="STACK...", shell_complete=stacks)
def rm(names: tuple[str, ...]) -> None:
    """Remove stacks, and the Swarm secrets of strongroom's that only they held. The store keeps its values.

    \b
    Examples:
      strongroom stack rm shop
    """
    from ..delivery.swarm import stack as stacks

    for secret in stacks.remove(names):
        click.echo(f"Removing secret {secret}")
