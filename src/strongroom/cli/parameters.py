"""Kinds of arguments that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import InvalidName, StrongroomError
from ..model import Name
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
        from click.shell_completion import CompletionItem

        root = ctx.find_root()
        state = State((0, 0), root.params.get("store"), root.params.get("identity"))
        try:
            names = [secret.name for secret in state.open_store().list()]
        except StrongroomError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


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


NAME = NameType()
LABEL = LabelType()
