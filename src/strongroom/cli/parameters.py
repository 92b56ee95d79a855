"""Kinds of arguments that several commands take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..errors import DeclarationError, InvalidName
from ..model import Name
from . import names
from .state import State

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class NameType(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A secret's name; completes those that are in the store."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Name:
        """Check the name: a wrong one is wrong usage."""
        try:
            return Name(str(value))
        except InvalidName as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names in the store that start with what was typed."""
        return names.secrets(ctx, param, incomplete)


class LabelType(click.ParamType):  # type: ignore[type-arg]
    """A label as Docker takes them: ``key=value``, or a key alone."""

    name = "key=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split it at the first equals sign."""
        if isinstance(value, tuple):
            return value
        key, _, text = str(value).partition("=")
        if not key:
            self.fail(f"'{value}' is not a label: give key=value.", param, ctx)
        return key, text


class TimeType(click.ParamType):  # type: ignore[type-arg]
    """A time as Docker's ``--since`` takes it."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        from ..audit.entries import moment

        try:
            return value if isinstance(value, datetime) else moment(str(value), datetime.now(UTC))
        except DeclarationError as error:
            self.fail(str(error), param, ctx)


def _note_reason(context: click.Context, _: click.Parameter, reason: str | None) -> None:
    state = context.find_object(State)
    if reason and state:  # there is none while a shell completes a command
        state.reason = reason


# The root command has it as well: this is where people look for it.
reason_option = click.option("--reason", metavar="TEXT", expose_value=False, callback=_note_reason,
                             help="Why this is done, for the audit chain.")  # fmt: skip

NAME = NameType()
LABEL = LabelType()
TIME = TimeType()
