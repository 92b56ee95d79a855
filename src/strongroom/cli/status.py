"""``strongroom status``: which versions run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EngineError
from .names import stacks
from .output import ago, format_option, show
from .state import State

if TYPE_CHECKING:
    from ..model import Secret
    from ..policy import Policy


@click.command(short_help="Show which version of a secret each task holds")
@click.argument("stack", required=False, shell_complete=stacks)
@format_option
@click.pass_obj
def status(state: State, stack: str | None, template: str | None) -> None:
    """Show which version of each secret the services' running tasks hold, against the current one.

    With STACK only its services are shown. 'stale' means that a newer version is current: deploy the stack again.
    'rolling' means that some tasks still have another version than their service. DUE is when the Compose file's
    x-strongroom wants the secret rotated.

    \b
    Examples:
      strongroom status
      strongroom status shop --format json
    """
    from ..delivery.swarm.status import look
    from ..docker.engine import Engine, require_manager
    from ..extension import merged

    engine = Engine.connect()
    if engine.get("/info")["Swarm"].get("LocalNodeState") == "inactive":
        raise EngineError(
            "status is about a swarm's services, and this Engine is in none. Of a Compose project, strongroom doctor "
            "says which container has an old version; strongroom secret ls says what is in the store."
        )
    require_manager(engine)
    policies = merged((), Path.cwd()).policies
    rows = [
        {
            "Service": row.service,
            "Secret": row.secret,
            "Version": row.declared,
            "Tasks": {("other" if version is None else f"v{version}"): count for version, count in row.tasks.items()},
            "Current": row.current,
            "State": row.state,
            "Age": _age(row.stored, template),
            "Due": _due(row.stored, policies),
        }
        for row in look(engine, state.open_store_if_any(), stack)
    ]
    columns = {"SERVICE": "Service", "SECRET": "Secret", "VERSION": "Version", "TASKS": "Tasks", "CURRENT": "Current",
               "STATE": "State", "AGE": "Age", "DUE": "Due"}  # fmt: skip
    show(rows, columns, template)


def _age(secret: Secret | None, template: str | None) -> str:
    if secret is None:
        return ""
    since = secret.current_since
    return since.isoformat() if template == "json" else ago(since).removesuffix(" ago")


def _due(secret: Secret | None, policies: Mapping[str, Policy]) -> str:
    policy = policies.get(secret.name) if secret else None
    due = policy.due(secret) if policy and secret else None
    return f"{due:%Y-%m-%d}" if due else ""
