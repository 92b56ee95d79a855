"""The table for people: what was found, and below it what to do, each advice once however many findings it is for."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, TextIO

from .report import Item, Report

if TYPE_CHECKING:
    from rich.text import Text

_WIDE = 160


def show(report: Report, file: TextIO) -> None:
    """Write a table of the findings: colours and the width of the terminal, where ``file`` is one."""
    if not report.items:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    # A file or a pipe has no width; a narrow table would break each path in two.
    width = None if file.isatty() else _WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, expand=False)
    for heading in ("SECRET", "PLACE", "WHY"):
        table.add_column(heading, overflow="fold")
    table.add_column("FIX", justify="right")
    advice = {fix: number for number, fix in enumerate(dict.fromkeys(item.fix for item in report.items if item.fix), 1)}
    several = len(report.targets) > 1
    for item in report.items:
        table.add_row(_secret(item), _place(item, several), _cell(item.why), str(advice.get(item.fix, "")))
    fixes = Table.grid(padding=(0, 1))
    for fix, number in advice.items():
        fixes.add_row(f"FIX {number}", _cell(fix))
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    console.print(table, "", fixes, "", sep="\n")


def text(report: Report) -> str:
    """Return the table without colours."""
    file = StringIO()
    show(report, file)
    return file.getvalue()


def _secret(item: Item) -> Text:
    text = _cell(item.secret or item.rule, "bold")
    if not item.secret or set(item.value) != {"*"}:
        text.append("\n").append(item.value, "red")
    return text


def _place(item: Item, several: bool) -> Text:
    text = _cell(item.place, "cyan")
    for line in (item.origin, item.target if several and not item.whole else ""):
        if line:
            text.append("\n").append(line, "dim")
    return text


def _cell(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style)
