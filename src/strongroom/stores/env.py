"""``env://VARIABLE``: values that somebody put into the environment. Read only."""

from __future__ import annotations

import os
import re

from ..errors import InvalidReference, SecretNotFound
from .managers import Content, SideBySide, Wanted
from .single import SingleStore, only_current


class Manager(SideBySide):
    """Reads this process's environment."""

    def store(self, path: str) -> SingleStore:
        """Return the environment as a store, or, after a prefix, the variables that start with it."""
        return SingleStore(f"env://{path}", lambda name: self._fetch(Wanted(path + re.sub("[.-]", "_", name))))

    def _fetch(self, wanted: Wanted) -> Content:
        uri = f"env://{wanted.path}"
        only_current(uri, wanted.version)
        if not wanted.path or "=" in wanted.path:
            raise InvalidReference(f"'{uri}' names no variable.")
        if not os.environ.get(wanted.path):
            problem = "is empty" if wanted.path in os.environ else "is not set"
            raise SecretNotFound(uri, (f"the variable {wanted.path} {problem}",), "Set it, or change the reference.")
        return Content(uri, os.environb[os.fsencode(wanted.path)])
