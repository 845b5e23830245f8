"""Serves one file, when the test lets it: one FIFO tells that it was asked for, another is waited for. Prints where."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ASKED, ALLOWED = (Path(name) for name in sys.argv[1:3])


class Gate(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ASKED.write_text("asked")
        ALLOWED.read_text()
        body = b"let through"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


server = HTTPServer(("127.0.0.1", 0), Gate)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
