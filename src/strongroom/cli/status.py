"""``strongroom status``: which versions run."""

from __future__ import annotations

import click

from .output import format_option, show
from .state import State


@click.command()
@click.argument("stack", required=False)
@format_option
@click.pass_obj
def status(state: State, stack: str | None, template: str | None) -> None:
    """Show which version of each secret the services' running tasks hold, against the current one.

    With STACK only its services are shown. 'stale' means that a newer version is current: deploy the stack again.
    'rolling' means that some tasks still have another version than their service.

    \b
    Examples:
      strongroom status
      strongroom status shop --format json
    """
    from ..delivery.swarm.status import look
    from ..docker.engine import Engine, require_manager

    engine = Engine.connect()
    require_manager(engine)
    rows = [
        {
            "Service": row.service,
            "Secret": row.secret,
            "Version": row.declared,
            "Tasks": {("other" if version is None else f"v{version}"): count for version, count in row.tasks.items()},
            "Current": row.current,
            "State": row.state,
        }
        for row in look(engine, state.open_store_if_any(), stack)
    ]
    columns = {"SERVICE": "Service", "SECRET": "Secret", "VERSION": "Version", "TASKS": "Tasks", "CURRENT": "Current",
               "STATE": "State"}  # fmt: skip
    show(rows, columns, template)
