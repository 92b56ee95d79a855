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
    "validate_password",
    "watch",
]

# A type checker takes this name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .watching import watch


def __getattr__(name: str) -> object:
    """Import ``watch`` for those who use it: it brings asyncio, which most do not need."""
    if name != "watch":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .watching import watch

    globals()[name] = watch
    return watch
