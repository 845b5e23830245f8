"""A proxy that cuts every connection after so many bytes of answer. Prints its address, then a line for each cut.

usage: cuttingproxy.py PORT BYTES
"""

from __future__ import annotations

import asyncio
import sys


async def main(port: int, limit: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def up() -> None:
            while data := await reader.read(65536):
                back.write(data)
                await back.drain()

        task = asyncio.ensure_future(up())
        left = limit
        try:
            while left and (data := await there.read(min(65536, left))):
                left -= len(data)
                writer.write(data)
                await writer.drain()
            if not left:
                print("cut", flush=True)
        except ConnectionError:
            pass
        finally:
            task.cancel()
            writer.close()
            back.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
