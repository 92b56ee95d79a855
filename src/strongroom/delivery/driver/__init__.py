"""A Docker secret driver: Swarm asks it for a secret's value when a task starts, so that no value is in Swarm's log."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SOCKET = Path("/run/docker/plugins/strongroom.sock")
DEADLINE_SECONDS = 5.0
CONCURRENCY = 16


class Options(NamedTuple):
    """How a driver serves. ``port`` is one of 127.0.0.1, for health and metrics."""

    socket: Path = SOCKET
    policy: Path | None = None
    deadline: float = DEADLINE_SECONDS
    concurrency: int = CONCURRENCY
    port: int | None = None

    @property
    def name(self) -> str:
        """What the Engine calls the driver."""
        return self.socket.stem

    def arguments(self) -> list[str]:
        """Return the options as a command line gives them, without those that are the default."""
        flags = ("--socket", "--policy", "--deadline", "--concurrency", "--metrics")
        return [
            word
            for flag, value, default in zip(flags, self, Options(), strict=True)
            if value != default
            for word in (flag, f"{value:g}" if isinstance(value, float) else str(value))
        ]
