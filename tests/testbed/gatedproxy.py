"""A proxy that holds back the first request that begins with given bytes, until the test lets it go: one FIFO tells
that it has come, another is waited for. Prints its address.

usage: gatedproxy.py PORT BEGINNING ASKED ALLOWED
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Lock, Thread

PORT, BEGINNING, ASKED, ALLOWED = int(sys.argv[1]), sys.argv[2].encode(), Path(sys.argv[3]), Path(sys.argv[4])
first = Lock()


class Gate(StreamRequestHandler):
    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", PORT)) as there:
            back = Thread(target=pass_on, args=(there, self.connection), daemon=True)
            back.start()
            while data := self.connection.recv(65536):
                if data.startswith(BEGINNING) and first.acquire(blocking=False):
                    ASKED.write_text("asked")
                    ALLOWED.read_text()
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)
            back.join()


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


class Server(ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        return


server = Server(("127.0.0.1", 0), Gate)
print(f"127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
