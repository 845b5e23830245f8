"""A transfer that goes on until it is told to end, and whether every byte of it arrived."""

from __future__ import annotations

import subprocess
import sys
from typing import Self

from testbed.namespace import CommandFailed, Namespace

# Sends to the first who calls, blocks that are all different, until its stdin ends; then tells what it sent.
_SENDER = """
import hashlib, select, socket, sys, time
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", int(sys.argv[1])))
s.listen()
print("up", flush=True)
peer, _ = s.accept()
s.close()
total, count = hashlib.sha256(), 0
while not select.select([0], [], [], 0.002)[0]:
    block = count.to_bytes(8, "big") * 2048
    peer.sendall(block)
    total.update(block)
    count += len(block)
peer.shutdown(socket.SHUT_WR)
print(count, total.hexdigest(), flush=True)
peer.recv(1)
"""

# Takes all, says so at the first byte, and tells in the end what it got.
_TAKER = """
import hashlib, socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
s.settimeout(20)
total, count = hashlib.sha256(), 0
while data := s.recv(1 << 18):
    if not count:
        print("begun", flush=True)
    total.update(data)
    count += len(data)
print(count, total.hexdigest(), flush=True)
"""


class Transfer:
    """From a server in `source`, where it listens on `listen`, to `taker`, who calls `address` and `port`."""

    def __init__(self, source: Namespace, listen: int, taker: Namespace, address: str, port: int) -> None:
        python = [sys.executable, "-I", "-S", "-c"]
        pipe = subprocess.PIPE
        self._sender = source.popen(*python, _SENDER, str(listen), stdin=pipe, stdout=pipe)
        self._hear(self._sender, "up")
        self._taker = taker.popen(*python, _TAKER, address, str(port), stdout=pipe, stderr=pipe)
        self._hear(self._taker, "begun")

    def _hear(self, process: subprocess.Popen[bytes], word: str) -> None:
        assert process.stdout is not None
        if process.stdout.readline().decode().strip() != word:
            raise CommandFailed(f"not {word}")

    def finish(self) -> tuple[str, str]:
        """What was sent and what arrived: number of bytes and their checksum, or the error."""
        sent = self._sender.communicate(timeout=30)[0]
        got, error = self._taker.communicate(timeout=30)
        return sent.decode().strip(), (got or error).decode().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._sender, self._taker):
            with process:
                process.kill()
