"""``strongroom driver``: a Docker secret driver, so that Swarm secrets come from where they are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path

import click

from ..delivery.driver import CONCURRENCY, DEADLINE_SECONDS, SOCKET, Options
from .state import State

_SOCKET_OPTION = click.option(
    "--socket", type=click.Path(path_type=Path), default=SOCKET, show_default=True, metavar="PATH",
    help="Where the Engine finds it; its name is the file's.",
)  # fmt: skip
_OPTIONS = (
    _SOCKET_OPTION,
    click.option("--policy", type=click.Path(path_type=Path, exists=True, resolve_path=True), metavar="FILE",
                 help="Which service may get which reference, in TOML. All else is denied."),
    click.option("--deadline", type=click.FloatRange(min=0, min_open=True), default=DEADLINE_SECONDS, metavar="SECONDS",
                 show_default=True, help="Then a task's request ends with an error, and Swarm tries again."),
    click.option("--concurrency", type=click.IntRange(1), default=CONCURRENCY, show_default=True, metavar="N",
                 help="The most fetches at once."),
    click.option("--metrics", "port", type=click.IntRange(1, 65535), metavar="PORT",
                 help="Serve /health and /metrics on 127.0.0.1, too; the socket always does."),
)  # fmt: skip


def _with_options(call: Callable[[Options], None]) -> Callable[..., None]:
    @wraps(call)
    def command(socket: Path, policy: Path | None, deadline: float, concurrency: int, port: int | None) -> None:
        call(Options(socket, policy, deadline, concurrency, port))

    return reduce(lambda command, option: option(command), reversed(_OPTIONS), command)


@click.group(invoke_without_command=True)
@_with_options
def driver(options: Options) -> None:
    """Serve Swarm secrets by reference: a Docker secret driver. Every manager of the swarm needs one.

    The leader asks for a value when a task starts, so that none is stored in Swarm. What to fetch stands in the
    secret's label strongroom.ref. Each task gets a value of its own (DoNotReuse), unless the label strongroom.reuse is
    'true'. Without a policy every service may get what vault, aws, azure and gcp hold, and nothing else. With --store
    or STRONGROOM_STORE, who got what and who was denied is recorded in that store's audit, before the answer is given.

    \b
    Examples:
      strongroom driver --policy /etc/strongroom/driver.toml
      docker secret create -d strongroom -l strongroom.ref=vault://secret/myapp/db#password db_password
      strongroom driver install --policy /etc/strongroom/driver.toml
      strongroom driver check
    """
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        from ..delivery.driver.server import run

        state: State = context.obj
        run(options, state.open_embedded() if state.store and not state.uri() else None)


@driver.command()
@_with_options
def unit(options: Options) -> None:
    """Print the systemd unit that serves the driver.

    \b
    Examples:
      strongroom driver unit
      strongroom driver unit --policy /etc/strongroom/driver.toml > strongroom-driver.service
    """
    from ..delivery.driver.unit import text

    click.echo(text(options), nl=False)


@driver.command(short_help="Install the driver as a service of systemd")
@_with_options
def install(options: Options) -> None:
    """Install the driver as a service of systemd on this node, start it, and look at the other managers.

    \b
    Examples:
      strongroom driver install
      strongroom driver install --policy /etc/strongroom/driver.toml --metrics 9469
    """
    from ..delivery.driver.unit import install as put

    click.echo(f"{put(options)} written and started")
    _check(options.socket)


@driver.command(short_help="See whether the driver answers")
@_SOCKET_OPTION
def check(socket: Path) -> None:
    """See whether the driver answers here and the swarm's leader knows it, and which managers have to be asked.

    The Engine's API shows no driver that is a socket: of other managers than the leader it cannot be told from here.
    The exit status is 1 if this node or the leader has no driver.

    \b
    Examples:
      strongroom driver check
    """
    _check(socket)


def _check(socket: Path) -> None:
    from ..delivery.driver import nodes
    from ..docker.engine import Engine

    managers = nodes.look(Engine.connect(), socket)
    for each in managers:
        word = {True: "has it", False: "HAS IT NOT", None: "unknown"}[each.has]
        click.echo(f"manager {each.name} ({each.address}): {word}: {each.why}")
    if any(each.has is False for each in managers):
        click.get_current_context().exit(1)
