"""How far a scan is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from ..scan.run import Count

_QUIET_SECONDS = 1.0


@contextmanager
def counting(count: Count) -> Iterator[None]:
    """Show on a terminal how far a scan is, if it takes longer than a second."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(get_renderable=lambda: _progress(count), console=console, refresh_per_second=5, transient=True):
        yield


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal that something goes on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def _progress(count: Count) -> Text:
    from rich.text import Text

    from ..scan.report import masking

    if count.seconds < _QUIET_SECONDS:
        return Text()
    if not count.files:
        return Text("nothing read yet")
    text = f"{count.files:,} files, {count.size / 1_000_000:,.0f} MB: {masking.printable(count.path)}"
    return Text(text, no_wrap=True, overflow="ellipsis")
