"""A registry that lies: the repository's name says how. Prints its address.

Every repository has one image, `latest`: a configuration and one layer of a single file, as they should be, but for
the lie. The request log goes to stdout, one line each.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import os
import random
import sys
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import zstandard

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_SIZE = 400_000


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(name: str = "file", data: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        content = random.Random(5).randbytes(_SIZE) if data is None else data
        info.size, info.mode = len(content), 0o755
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Content:
    """What a repository would serve if it were honest."""

    def __init__(self, kind: str) -> None:
        plain = {
            "bomb": lambda: tar(data=bytes(40 << 20)),
            "climbing": lambda: tar("../../escaped", b"out"),
            "device": _whiteout_device,
        }.get(kind, tar)()
        self.layer = gzip.compress(plain, 1, mtime=0)
        if kind == "not-a-tar":
            plain = b"this is no archive" * 1000
            self.layer = gzip.compress(plain, mtime=0)
        diff_id = digest(plain) if kind != "other-diff-id" else digest(b"another")
        config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/file"]},
                  "rootfs": {"type": "layers", "diff_ids": [diff_id]}}  # fmt: skip
        if kind == "more-diff-ids":
            config["rootfs"] = {"type": "layers", "diff_ids": [diff_id, diff_id]}
        self.config = json.dumps(config).encode() if kind != "config-is-html" else b"<html>"
        if kind == "zstd":
            self.layer = zstandard.compress(plain)
        media_type = ZSTD_LAYER if kind == "zstd" else LAYER
        layer = {"mediaType": media_type, "size": len(self.layer), "digest": digest(self.layer)}
        if kind == "foreign":
            layer["urls"] = ["http://127.0.0.1:1/elsewhere"]
        if kind == "odd-digest":
            layer["digest"] = "sha256:../../../../etc/passwd"
        if kind == "understated":
            layer["size"] = len(self.layer) - 1000
        if kind == "overstated":
            layer["size"] = len(self.layer) + 1000
        kind_of_config = "application/vnd.docker.container.image.v1+json"
        document = {
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
            "config": {"mediaType": kind_of_config, "size": len(self.config), "digest": digest(self.config)},
        }  # fmt: skip
        if kind == "too-many-layers":
            document["layers"] = [layer] * 200
        self.manifest = json.dumps(document).encode()
        if kind == "huge-manifest":
            self.manifest += b" " * (8 << 20)


def _whiteout_device() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("gone")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    return out.getvalue()


class Deep:
    """127 layers, the first of which has a shell."""

    def __init__(self) -> None:
        plain = [tar("bin/sh", Path("/bin/busybox").read_bytes())]
        plain += [tar(f"layers/{number}", str(number).encode()) for number in range(126)]
        self.blobs = {digest(data): data for data in plain}
        rootfs = {"type": "layers", "diff_ids": list(self.blobs)}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "size": len(config), "digest": digest(config)},
            "layers": [{"mediaType": OCI_LAYER, "size": len(x), "digest": name} for name, x in self.blobs.items()],
        }
        self.manifest = json.dumps(document).encode()
        self.blobs[digest(config)] = config


def _index(manifest: bytes) -> bytes:
    """For two machines of which neither is likely to be this one, and an attestation."""
    entries = [
        {"mediaType": MANIFEST, "digest": name, "size": len(manifest), "platform": platform}
        for name, platform in (
            (f"sha256:{'0' * 64}", {"os": "unknown", "architecture": "unknown"}),
            (f"sha256:{'1' * 64}", {"os": "linux", "architecture": "s390x"}),
            (digest(manifest), {"os": "linux", "architecture": "arm", "variant": "v7"}),
        )
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


@functools.cache
def _content(kind: str) -> Content:
    return Content(kind)


@functools.cache
def _deep() -> Deep:
    return Deep()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counts: dict[str, int] = {}  # noqa: RUF012  # of this one process

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        _, _, self.kind, what, reference = self.path.split("/", 4)
        self.counts[self.path] = self.counts.get(self.path, 0) + 1
        os.write(1, f"{self.path} {self.headers.get('Range', '')}\n".encode())  # a line whole, among those of others
        if self.kind == "deep":
            deep = _deep()
            self._send(*((deep.manifest, OCI_MANIFEST) if what == "manifests" else (deep.blobs[reference],)))
            return
        content = _content(self.kind)
        if what == "manifests":
            self._manifest(content)
        elif reference == digest(content.config):
            self._send(content.config)
        else:
            self._layer(content)

    def _manifest(self, content: Content) -> None:
        match self.kind:
            case "html":
                self._send(b"<html><body>Welcome to our hotel's network</body></html>", "text/html")
            case "html-as-json":
                self._send(b"<html>", MANIFEST)
            case "wrong-type":
                self._send(content.manifest, "text/plain")
            case "index-type":
                self._send(content.manifest, "application/vnd.oci.image.index.v1+json")
            case "loop":
                self._head(307, ("Location", self.path), ("Content-Length", "0"))
            case "always-500":
                self._send(b"oops", "text/plain", 500)
            case "once-500" if self.counts[self.path] == 1:
                self._send(b"oops", "text/plain", 500)
            case "once-429" if self.counts[self.path] == 1:
                body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}).encode()
                self._send(body, "application/json", 429, ("Retry-After", "1"))
            case "index" if ":" not in self.path:
                self._send(_index(content.manifest), OCI_INDEX)
            case "silent":
                time.sleep(60)
            case _:
                self._send(content.manifest, MANIFEST)

    def _layer(self, content: Content) -> None:
        data = content.layer
        match self.kind:
            case "wrong-digest":
                self._send(data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])
            case "wrong-last-byte":
                self._send(data[:-1] + bytes([data[-1] ^ 1]))
            case "short":
                self._send(data[:-5000])
            case "short-without-length":
                self._head(200)
                self.wfile.write(data[:-5000])
                self.close_connection = True
            case "long":
                self._send(data + b"more")
            case "missing":
                body = json.dumps({"errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown to registry"}]})
                self._send(body.encode(), "application/json", 404)
            case "slowly":
                self._head(200, ("Content-Length", str(len(data))))
                self.wfile.write(data[:200_000])
                time.sleep(1)
                self.wfile.write(data[200_000:])
            case "drip":
                self._head(200, ("Content-Length", str(len(data))))
                for at in range(0, len(data), 10):
                    self.wfile.write(data[at : at + 10])
                    time.sleep(0.1)
            case "down":
                self._head(307, ("Location", "ftp://127.0.0.1/blob"), ("Content-Length", "0"))
            case "wrong-range" | "no-range":
                self._cut_once(data)
            case _:
                self._send(data)

    def _cut_once(self, data: bytes) -> None:
        if not self.headers.get("Range"):
            self._head(200, ("Content-Length", str(len(data))))
            self.wfile.write(data[:200_000])
            self.close_connection = True
        elif self.kind == "no-range":
            self._send(data)
        else:
            self._head(206, ("Content-Range", f"bytes 0-99/{len(data)}"), ("Content-Length", "100"))
            self.wfile.write(data[:100])

    def _head(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _send(
        self, data: bytes, kind: str = "application/octet-stream", status: int = 200, *headers: tuple[str, str]
    ) -> None:
        self._head(status, ("Content-Type", kind), ("Content-Length", str(len(data))), *headers)
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        return


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
