"""``command:///path/to/program WORD…``: what a program of the user's prints. Read only.

The path is split into words as a shell does, and run without one. As a project's store, each secret's name is added as
the last word. Its output is the value, every byte as it is; a JSON object has fields. Exit status 0 says that this is
the value, 75 that trying again may help (EX_TEMPFAIL of sysexits.h), and any other that there is none; the last line of
its standard error says why.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ..errors import InvalidReference, SecretNotFound, StoreUnavailable
from .managers import Content, SideBySide, Wanted
from .programs import run
from .retry import Deadline, patiently
from .single import SingleStore, only_current

_TRY_AGAIN = 75


class Manager(SideBySide):
    """Runs programs."""

    def store(self, path: str) -> SingleStore:
        """Return a program as a store: it is run with a secret's name as its last word."""
        uri = f"command://{path}"
        words = _words(path, uri)
        return SingleStore(uri, lambda name: self._run([*words, name], f"{uri} {name}"))

    def _fetch(self, wanted: Wanted) -> Content:
        uri = f"command://{wanted.path}"
        only_current(uri, wanted.version)
        return self._run(_words(wanted.path, uri), uri)

    def _run(self, words: Sequence[str], uri: str) -> Content:
        deadline = Deadline(self._limit)

        def call() -> Content:
            ended = run(words, uri, deadline.left())
            if ended.status == 0:
                return Content(uri, ended.output)
            problem = f"it ended with status {ended.status}" + (f": {ended.said}" if ended.lines else "")
            if ended.status == _TRY_AGAIN:
                raise StoreUnavailable(f"{uri} has no value now: {problem}.")
            raise SecretNotFound(uri, (problem,), "Run it by hand.")

        return patiently(call, deadline)


def _words(path: str, uri: str) -> list[str]:
    try:
        words = shlex.split(path)
    except ValueError:
        words = []
    if not words:
        raise InvalidReference(f"'{uri}' names no program: give command:///path/to/program WORD…")
    return words
