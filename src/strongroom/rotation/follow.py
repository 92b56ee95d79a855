"""Following the store: whoever changed a secret there, the services that hold it get its current version."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from ..errors import StrongroomError
from ..model import Name, Stage
from ..stores.base import Store, require_versions
from .base import Delivery

_MOST_SECONDS = 900.0


def follow(
    store: Store, deliveries: Callable[[Name], Sequence[Delivery]], say: Callable[[str], None], interval: float | None
) -> None:
    """Look about every ``interval`` seconds, for good; once, without one.

    A secret whose rotation is under way is left to that. What fails is said and tried again, ever less often.

    Raises:
        StrongroomError: what fails, without an interval.
        StoreUnsupported: the store has no versions.
    """
    require_versions(store, "what follows it")
    seen: dict[Name, int] = {}
    pause = interval or 0.0
    while True:
        try:
            _look(store, deliveries, say, seen)
        except StrongroomError as error:
            if interval is None:
                raise
            pause = min(pause * 2, max(_MOST_SECONDS, interval))
            say(f"{error} Trying again in about {pause:.0f} s.")
        else:
            if interval is None:
                return
            pause = interval
        # Many that follow one store are not to ask it at the same moment.
        time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret depends on it


def _look(
    store: Store, deliveries: Callable[[Name], Sequence[Delivery]], say: Callable[[str], None], seen: dict[Name, int]
) -> None:
    for secret in store.list():
        current = secret.stages[Stage.CURRENT]
        if seen.get(secret.name) == current or Stage.PENDING in secret.stages:
            continue
        for delivery in deliveries(secret.name):
            if delivery.held() - {current} and delivery.holders():
                say(f"{secret.name}: version {current} is current: giving it to {', '.join(delivery.holders())}")
                delivery.roll(current, secret.stages.get(Stage.PREVIOUS, current))
        seen[secret.name] = current
