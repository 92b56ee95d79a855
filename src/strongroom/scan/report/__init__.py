"""Reports of a scan: one module a format. Each takes a ``Report`` and returns text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from ...files import replace
from . import table
from .report import Found, Item, Report, prepare

__all__ = ["Found", "Item", "Report", "prepare", "render", "write"]


def render(report: Report, format_: str) -> str:
    """Return a report in a format that is the name of a module here, but the table."""
    rendering: Callable[[Report], str] = import_module(f".{format_}", __package__).render
    return rendering(report)


def write(report: Report, format_: str, path: Path | None) -> None:
    """Write a report to a file that only its owner reads, or else to standard output.

    Raises:
        OSError: the file cannot be written.
    """
    if format_ == "table" and path is None:
        table.show(report, sys.stdout)
        return
    text = table.text(report) if format_ == "table" else render(report, format_)
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())  # they are UTF-8, whatever the locale says
    else:
        replace(path, text.encode())
