"""Progress of services: one line each that stays up to date on a terminal, one line a change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..docker.services import Progress, State

if TYPE_CHECKING:
    from rich.table import Table

Report = Callable[[Sequence[Progress]], None]


@contextmanager
def reporting(quiet: bool) -> Iterator[Report]:
    """Yield a function that shows progress on standard error."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        yield from _on_terminal()
    else:
        yield _by_lines()


def _by_lines() -> Report:
    shown: dict[str, str] = {}

    def report(services: Sequence[Progress]) -> None:
        for each in services:
            if shown.get(each.name) != str(each):
                shown[each.name] = str(each)
                click.echo(str(each), err=True)

    return report


def _on_terminal() -> Iterator[Report]:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=8, transient=False) as live:
        yield lambda services: live.update(_table(services), refresh=True)


def _table(services: Sequence[Progress]) -> Table:
    from rich.table import Table
    from rich.text import Text

    colours = {State.UPDATING: "yellow", State.CONVERGED: "green"}
    table = Table.grid(padding=(0, 3))
    for each in sorted(services, key=lambda service: service.name):
        state = Text(str(each.state), style=colours.get(each.state, "red"))
        table.add_row(each.name, f"{each.running}/{each.wanted}", state, Text(each.problem, style="dim"))
    return table
