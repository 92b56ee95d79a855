"""What a shell completes: names that are there. Quick, and quiet about whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..model import Name
from .state import State

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..docker.engine import Engine

_SECONDS = 2.0  # that somebody who types waits for a manager or an Engine
_NAMESPACE = "com.docker.stack.namespace"

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _quietly(find: Callable[[click.Context, str], Iterable[str]]) -> Complete:
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            found = sorted(set(find(context, incomplete)))
        except Exception:  # an error would be written into what is being typed
            return []
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]

    return complete


@_quietly
def secrets(context: click.Context, _: str) -> Iterable[str]:
    """Complete the names of the secrets in the store."""
    return [secret.name for secret in _state(context).open_store().list()]


@_quietly
def versions(context: click.Context, _: str) -> Iterable[str]:
    """Complete the versions that have a value, of the secret that was typed before."""
    typed = context.params.get("names") or [context.params.get("name") or context.args[0]]  # args: not parsed yet
    secret = _state(context).open_store().inspect(Name(typed[0]))
    return [str(version.number) for version in secret.versions if not version.destroyed_at]


@_quietly
def actors(context: click.Context, _: str) -> Iterable[str]:
    """Complete who did something, by the audit chain."""
    return [entry.actor for entry in _state(context).open_embedded().audit_entries()]


@_quietly
def actions(_: click.Context, __: str) -> Iterable[str]:
    """Complete the actions of the audit."""
    from ..stores.embedded.audit import Action

    return list(Action)


@_quietly
def services(context: click.Context, _: str) -> Iterable[str]:
    """Complete the services of the Compose file."""
    from ..compose import find, load

    file = context.params.get("file")
    return load(Path(file) if file else find(Path.cwd())).services


@_quietly
def swarm_services(_: click.Context, __: str) -> Iterable[str]:
    """Complete the services of the swarm."""
    return [str(each["Spec"]["Name"]) for each in _engine().get("/services")]


@_quietly
def stacks(_: click.Context, __: str) -> Iterable[str]:
    """Complete the stacks of the swarm."""
    found = _engine().get("/services", filters={"label": [_NAMESPACE]})
    return [str(each["Spec"]["Labels"][_NAMESPACE]) for each in found]


@_quietly
def of_compose(context: click.Context, incomplete: str) -> Iterable[str]:
    """Complete what Docker Compose does: its commands, and the project's services."""
    from ..docker import cli

    words = [part for file in context.params.get("files") or () for part in ("--file", file)]
    return cli.complete(["compose", *words, *(context.params.get("command") or ()), incomplete], _SECONDS)


def _state(context: click.Context) -> State:
    root = context.find_root()
    return State((0, 0), root.params.get("store"), root.params.get("identity"), limit=_SECONDS)


def _engine() -> Engine:
    from ..docker.engine import Engine

    return Engine.connect(timeout=_SECONDS)
