"""Printing rows as a table, as JSON lines, or by a template with Docker's placeholders."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

Row = Mapping[str, object]

_PLACEHOLDER = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_EXPRESSION = re.compile(r'(json\s+)?((?:\.[A-Za-z][A-Za-z0-9]*)+|\.)(?:\s+"((?:[^"\\]|\\.)*)")?')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OF_A_TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ESCAPES = {"\\t": "\t", "\\n": "\n"}

format_option = click.option(
    "--format", "template", metavar="FORMAT",
    help="'table' (the default), 'json' (an object a line), or a template such as '{{.Name}}' or "
    "'table {{.ID}}\\t{{.Name}}'.",
)  # fmt: skip


def show(rows: Sequence[Row], columns: Mapping[str, str], template: str | None, *, cut: bool = False) -> None:
    """Print rows. ``columns`` are those of the table: heading → field.

    A table of many columns, what matters first, may be ``cut``: its lines end where the terminal does.

    Raises:
        click.UsageError: the template names a field that the rows do not have, or is no template.
    """
    if template == "json":
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False, default=str))
    elif template is None or template == "table":
        width = shutil.get_terminal_size().columns if cut and sys.stdout.isatty() else None
        _table(list(columns), [[_text(row[field]) for field in columns.values()] for row in rows], width)
    elif template.startswith("table "):
        cells = _unescape(template[6:]).split("\t")
        headings = [_PLACEHOLDER.sub(lambda match: match[1].lstrip(".").upper(), cell) for cell in cells]
        _table(headings, [[render(cell, row) for cell in cells] for row in rows])
    else:
        for row in rows:
            click.echo(render(_unescape(template), row))


def say(text: str, *, err: bool = False) -> None:
    """Print lines that may have foreign words in them, such as a file's: nothing in them moves a terminal's cursor."""
    click.echo(_OF_A_TERMINAL.sub("\N{REPLACEMENT CHARACTER}", text), err=err)


def render(template: str, row: Row) -> str:
    """Fill a template's placeholders: ``{{.Field}}``, ``{{.Field.Field}}``, ``{{json .Field}}``, ``{{.Label "key"}}``.

    Raises:
        click.UsageError: as ``show``.
    """
    return _PLACEHOLDER.sub(lambda match: _evaluate(match[1], row), template)


def ago(time: datetime) -> str:
    """Return how long ago something was, as Docker says it."""
    seconds = int((datetime.now(UTC) - time).total_seconds())
    for length, unit in ((31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * length or (unit in ("minute", "hour") and seconds >= length):
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "seconds ago"


def _evaluate(expression: str, row: Row) -> str:
    match = _EXPRESSION.fullmatch(expression)
    if not match:
        raise click.UsageError(f"'{{{{{expression}}}}}' is not a placeholder: give one such as '{{{{.Name}}}}'.")
    as_json, path, argument = match.groups()
    if path == ".Label" and argument is not None:
        labels = row.get("Labels")
        return _text(labels.get(argument, "") if isinstance(labels, Mapping) else "")
    value: object = row
    for field in filter(None, path.split(".")):
        if not isinstance(value, Mapping) or field not in value:
            known = ", ".join(f".{each}" for each in row)
            raise click.UsageError(f"there is no '{path}' to show. What there is: {known}")
        value = value[field]
    return json.dumps(value, ensure_ascii=False, default=str) if as_json else _text(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_text(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ",".join(_text(each) for each in value)
    return str(value)


def _unescape(template: str) -> str:
    return re.sub(r"\\[tn]", lambda match: _ESCAPES[match[0]], template)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], longest: int | None = None) -> None:
    # A reason or a label may have anything in it, and a line of a table is one row, whatever a terminal makes of it.
    rows = [[_CONTROL.sub("\N{REPLACEMENT CHARACTER}", cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for line in (headings, *rows):
        text = "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…")
