"""Docker's token server, small: anybody may pull what is `public/`, the user may do everything. Prints its address.

usage: tokenserver.py CERTIFICATE KEY USER PASSWORD
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    certificate, key, user, password = "", "", "", ""

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        given = self.headers.get("Authorization", "")
        expected = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if given and given != expected:
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})
            return
        access = [self._access(scope, known=bool(given)) for scope in query.get("scope", [])]
        self._answer(200, {"token": self._token(query["service"][0], access)})

    def _access(self, scope: str, *, known: bool) -> dict[str, object]:
        kind, name, actions = scope.split(":")
        allowed = actions.split(",") if known else ["pull"] if name.startswith("public/") else []
        return {"type": kind, "name": name, "actions": [a for a in actions.split(",") if a in allowed]}

    def _token(self, service: str, access: list[dict[str, object]]) -> str:
        pem = Path(self.certificate).read_text()
        der = "".join(pem.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0].split())
        now = int(time.time())
        head = _b64(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [der]}).encode())
        claims = {
            "iss": "tests", "sub": self.user, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": "1", "access": access,
        }  # fmt: skip
        text = head + b"." + _b64(json.dumps(claims).encode())
        sign = ["openssl", "dgst", "-sha256", "-sign", self.key]
        signed = subprocess.run(sign, input=text, capture_output=True, check=True).stdout
        return (text + b"." + _b64(signed)).decode()

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    Handler.certificate, Handler.key, Handler.user, Handler.password = sys.argv[1:5]
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[5]) if len(sys.argv) > 5 else 0), Handler)
    print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
