"""The embedded store: one SQLite file beside the project, its values sealed, its key wrapped with age.

``directory`` finds and makes it; ``database`` keeps its file and the transactions, ``tables`` its rows; ``identity``
and ``keys`` say who may open it and seal what is in it; ``audit`` chains what happened; ``unlocked`` is a transaction
that has the key. ``store`` puts them behind the protocol; ``access`` changes who may open it, ``verify`` compares all
with one another, and ``transfer`` and ``bundle`` move secrets about.
"""

from .directory import DIRECTORY, find
from .store import EmbeddedStore

__all__ = ["DIRECTORY", "EmbeddedStore", "find"]
