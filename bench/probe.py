"""Asks HOST PORT until it accepts, then until it answers an HTTP request; prints both CLOCK_MONOTONIC stamps."""

from __future__ import annotations

import socket
import sys
import time

PATIENCE_S = 15.0


def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    connected = answered = 0.0
    print("ready", flush=True)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket() as client:
            client.settimeout(0.25)
            try:
                client.connect((host, port))
                connected = connected or time.monotonic()
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if client.recv(64):
                    answered = time.monotonic()
                    break
            except OSError:
                pass
        time.sleep(0.0005)
    print(f"{connected:.6f} {answered:.6f}", flush=True)


main()
