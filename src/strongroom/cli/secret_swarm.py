"""``strongroom secret push`` and ``adopt``: single secrets in and out of a swarm."""

from __future__ import annotations

import click

from ..errors import SecretNotFound
from ..model import Name, Stage
from .names import swarm_services
from .parameters import NAME, reason_option
from .state import State


@click.command(short_help="Create the Swarm secret of the current version")
@click.argument("name", type=NAME)
@reason_option
@click.pass_obj
def push(state: State, name: Name) -> None:
    """Create the Swarm secret of the current version of NAME, and print its name.

    \b
    Examples:
      docker service create --secret source=$(strongroom secret push db_password),target=db_password,mode=0400 postgres
    """
    from ..delivery.swarm import adopt as swarm
    from ..docker.engine import Engine, require_manager

    engine = Engine.connect()
    require_manager(engine)
    click.echo(swarm.ensure(engine, state.open_store(), name).name)


@click.command(short_help="Take a secret that only the swarm has into the store")
@click.argument("name", type=NAME)
@click.option(
    "--service",
    required=True,
    metavar="SERVICE",
    shell_complete=swarm_services,
    help="A service that holds it, with a task on this node.",
)
@reason_option
@click.pass_obj
def adopt(state: State, name: Name, service: str) -> None:
    """Take a secret that only the swarm has into the store: its value is read from a running container of SERVICE.

    The Swarm secret stays. The next 'stack deploy' gives services the store's version instead. Prints the version.

    \b
    Examples:
      strongroom secret adopt db_password --service shop_api
    """
    from ..delivery.swarm import adopt as swarm
    from ..docker.engine import Engine, require_manager

    store = state.open_store()
    engine = Engine.connect()
    require_manager(engine)
    value = swarm.read_from_service(engine, name, service)
    try:
        known = store.inspect(name)
    except SecretNotFound:
        store.create(name, value, {"adopted-from": service})
        click.echo(1)
    else:
        if store.read(name) == value:
            click.echo(f"the store has this value already, as version {known.stages[Stage.CURRENT]}", err=True)
        else:
            click.echo(store.write(name, value))
