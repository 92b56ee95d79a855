"""The embedded store: one SQLite file beside the project, its values sealed, its key wrapped with age.

``database`` keeps the file and its transactions, ``tables`` its rows; ``identity`` and ``keys`` say who may open it and
seal what is in it; ``audit`` chains what happened. ``store`` puts them behind the protocol, ``verify`` compares
them with one another, and ``bundle`` moves secrets about.
"""

from .store import DIRECTORY, EmbeddedStore, find

__all__ = ["DIRECTORY", "EmbeddedStore", "find"]
