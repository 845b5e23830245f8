"""An HTTP proxy: passes requests on, tunnels what is TLS. Prints its address, then a line for each request."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
    print(method, target, flush=True)
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
    else:
        host, port = urlsplit(target).hostname or "", str(urlsplit(target).port or 80)
    there, back = await asyncio.open_connection(host, int(port))
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        path = target.partition("://")[2].partition("/")[2]
        back.write(head.replace(target.encode(), f"/{path}".encode(), 1))
    await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
