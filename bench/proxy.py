"""A proxy that holds each request back for a while, as a manager in another place does.

Usage: python bench/proxy.py PORT TARGET_PORT MILLISECONDS, both ports of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import sys


async def main(port: int, target: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(copy(reader, away, seconds), copy(there, writer, 0.0))

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    try:
        while data := await source.read(65_536):
            if seconds:
                await asyncio.sleep(seconds)
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
