"""strongroom's reader: how an application gets its secrets. Standard library only.

>>> from strongroom import get_secret
>>> password = get_secret("db_password")  # doctest: +SKIP

Everything else (the store, deliveries, rotation) is behind the command line and the extras; see the documentation.
"""

from .errors import InvalidName, NotText, SecretNotFound, SecretUnreadable, StrongroomError
from .reader import get_secret, get_secret_bytes, get_valid_secrets, validate_password

__all__ = [
    "InvalidName",
    "NotText",
    "SecretNotFound",
    "SecretUnreadable",
    "StrongroomError",
    "get_secret",
    "get_secret_bytes",
    "get_valid_secrets",
    "open_store",
    "validate_password",
    "watch",
]

# A type checker takes this name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .direct import open_store
    from .watching import watch

_LATE = {"open_store": "direct", "watch": "watching"}


def __getattr__(name: str) -> object:
    """Import what most do not need for those who use it: ``watch`` brings asyncio, ``open_store`` the stores."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    globals()[name] = found = getattr(import_module(f".{_LATE[name]}", __name__), name)
    return found
