"""A program of the user's own: ``command:///path/to/program``. Its protocol is described in docs/rotators.md.

It is run once a step, and gets one JSON object on its standard input: ``{"step": "allow", "secret": NAME, "value": …,
"other": …}``. The steps are ``allow``, ``test`` (without ``other``) and ``only``; a value that is not UTF-8 comes as
``{"base64": …}``. Exit status 0 says that it is done; the last line of its standard error says what is wrong.
"""

from __future__ import annotations

import base64
import json
import subprocess
from urllib.parse import unquote, urlsplit

from ..errors import DeclarationError, RotatorFailed
from ..model import Value
from .base import Context

_SECONDS = 120


class CommandRotator:
    """Runs a program for each step."""

    def __init__(self, uri: str, context: Context) -> None:
        """Use the program that ``uri`` names.

        Raises:
            DeclarationError: it names none.
        """
        parts = urlsplit(uri)
        self._program = unquote(parts.path)
        self._secret = context.secret
        if not self._program or parts.netloc:
            raise DeclarationError(f"'{uri}' names no program: give command:///path/to/program.")

    def next_value(self, current: Value, generated: Value) -> Value:
        """See ``base.Rotator``."""
        return generated

    def allow(self, value: Value, other: Value) -> None:
        """See ``base.Rotator``."""
        self._run("allow", value, other)

    def test(self, value: Value) -> None:
        """See ``base.Rotator``."""
        self._run("test", value)

    def only(self, value: Value, former: Value) -> None:
        """See ``base.Rotator``."""
        self._run("only", value, former)

    def _run(self, step: str, value: Value, other: Value | None = None) -> None:
        request = {"step": step, "secret": self._secret, "value": _plain(value)}
        if other is not None:
            request["other"] = _plain(other)
        try:
            done = subprocess.run(
                [self._program], input=json.dumps(request).encode(), capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise RotatorFailed(f"{self._program} {step}: not done after {_SECONDS} s.") from None
        except OSError as error:
            raise RotatorFailed(f"{self._program} cannot be run: {error.strerror}.") from None
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").split("\n")
            said = next((line for line in reversed(lines) if line.strip()), f"status {done.returncode}")
            for each in (value, other):
                if each is not None:
                    said = said.replace(each.reveal().decode(errors="replace").strip() or "\0", "<secret>")
            raise RotatorFailed(f"{self._program} {step}: {said.strip()}")


def _plain(value: Value) -> object:
    try:
        return value.reveal().decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value.reveal()).decode()}
