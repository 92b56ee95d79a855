"""Secrets in Django's ``settings.py``, where a missing one ends the start with Django's own kind of error.

>>> from strongroom.integrations.django import secret  # doctest: +SKIP
>>> SECRET_KEY = secret("django_secret_key")  # doctest: +SKIP
>>> SECRET_KEY_FALLBACKS = previous("django_secret_key")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TypeVar, overload

from django.core.exceptions import ImproperlyConfigured

from ..errors import SecretNotFound, StrongroomError
from ..reader import get_valid_secrets

_T = TypeVar("_T")


class _Missing:
    """The type of the marker for "no default was given"."""


_MISSING = _Missing()


@overload
def secret(name: str) -> str: ...
@overload
def secret(name: str, default: _T) -> str | _T: ...
def secret(name: str, default: object = _MISSING) -> object:
    """Return a secret for a setting. Where the secret is being rotated, that is its current value.

    Raises:
        ImproperlyConfigured: it is not there and no default was given, or it cannot be read.
    """
    try:
        return get_valid_secrets(name)[0]
    except SecretNotFound as error:
        if not isinstance(default, _Missing):
            return default
        raise ImproperlyConfigured(str(error)) from None
    except StrongroomError as error:
        raise ImproperlyConfigured(str(error)) from None


def previous(name: str) -> list[str]:
    """Return the values that are valid besides the current one, for ``SECRET_KEY_FALLBACKS``.

    Raises:
        ImproperlyConfigured: one of them cannot be read.
    """
    try:
        return get_valid_secrets(name)[1:]
    except SecretNotFound:
        return []
    except StrongroomError as error:
        raise ImproperlyConfigured(str(error)) from None


def require(*names: str) -> None:
    """Check that all secrets can be read, and name all that cannot in one error, instead of one a start.

    Raises:
        ImproperlyConfigured: names them, each with where it was looked for.
    """
    wrong = []
    for name in names:
        try:
            get_valid_secrets(name)
        except StrongroomError as error:
            wrong.append(str(error))
    if wrong:
        raise ImproperlyConfigured("\n".join(wrong))
