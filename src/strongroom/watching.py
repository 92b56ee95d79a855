"""Waiting for a secret to change, for applications that keep what they made of it, such as a pool of connections."""

from __future__ import annotations

import asyncio
import time

from .reader import get_secret


class Watch:
    """An iterator over a secret's new values, for ``for`` and for ``async for``.

    It polls: one ``stat`` a look while nothing changes. The kernel's notifications see nothing of what happens behind a
    bind mount or a replaced link, which is how secrets change.
    """

    def __init__(self, name: str, interval: float = 1.0) -> None:
        """Remember the value of now; ``interval`` is in seconds.

        Raises:
            SecretNotFound, SecretUnreadable, NotText, InvalidName: as ``get_secret``.
            ValueError: the interval is not positive.
        """
        if not interval > 0:
            raise ValueError(f"an interval of {interval} s is no interval: give more than 0.")
        self._name, self._interval = name, interval
        self._last = get_secret(name)

    def __repr__(self) -> str:
        return f"<watch of secret {self._name!r}>"

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> str:
        while not self._has_changed():
            time.sleep(self._interval)
        return self._last

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> str:
        while not self._has_changed():
            await asyncio.sleep(self._interval)
        return self._last

    def _has_changed(self) -> bool:
        before, self._last = self._last, get_secret(self._name)
        return before != self._last


def watch(name: str, interval: float = 1.0) -> Watch:
    """Wait for a secret's new values: an iterator that yields each one, counted from this call.

    For ``for value in watch("db_password")`` and for ``async for``. ``interval`` is in seconds.

    Raises:
        SecretNotFound, SecretUnreadable, NotText, InvalidName: as ``get_secret``, now and while waiting; waiting again
            goes on.
        ValueError: the interval is not positive.
    """
    return Watch(name, interval)
