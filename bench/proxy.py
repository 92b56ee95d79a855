"""A proxy that holds each request back for a while, as a manager in another place does.

Usage: python bench/proxy.py PORT TARGET_PORT MILLISECONDS, both ports of 127.0.0.1. It does as little as it
can, since it takes the time of whoever is measured.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast


class Side(asyncio.Protocol):
    """One side of a connection: hands what it gets to the other, ``seconds`` later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.other: asyncio.WriteTransport | None = None
        self.waiting: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        if self.seconds:
            asyncio.get_running_loop().call_later(self.seconds, self.hand_on, data)
        else:
            self.hand_on(data)

    def hand_on(self, data: bytes) -> None:
        if self.other is None:
            self.waiting.append(data)
        elif not self.other.is_closing():
            self.other.write(data)

    def join(self, other: asyncio.WriteTransport) -> None:
        self.other = other
        for data in self.waiting:
            other.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.close()


class Client(Side):
    """The side that asks: connects to the target."""

    def __init__(self, target: int, seconds: float) -> None:
        super().__init__(seconds)
        self.target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connecting = asyncio.ensure_future(self.connect(cast(asyncio.WriteTransport, transport)))

    async def connect(self, client: asyncio.WriteTransport) -> None:
        server, answers = await asyncio.get_running_loop().create_connection(lambda: Side(0), "127.0.0.1", self.target)
        answers.join(client)
        self.join(server)


async def main(port: int, target: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(target, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
