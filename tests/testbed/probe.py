"""Many look-ups of who answers, asked at once from one place: a matrix of places costs a process for each row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.namespace import Namespace

_ASKER = """
import json, selectors, socket, sys, time
wanted, limit = json.loads(sys.argv[1]), time.monotonic() + float(sys.argv[2])
chosen, answers, begun = selectors.DefaultSelector(), [None] * len(wanted), {}
for number, (address, port, udp) in enumerate(wanted):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    s.setblocking(False)
    begun[s] = b""
    try:
        s.connect((address, port))
        if udp:
            s.send(b"hello")
    except BlockingIOError:
        pass
    except OSError as error:
        continue
    chosen.register(s, selectors.EVENT_READ, (number, udp))
while chosen.get_map() and (rest := limit - time.monotonic()) > 0:
    for key, _ in chosen.select(rest):
        number, udp = key.data
        try:
            data = key.fileobj.recv(65536)
        except OSError:
            chosen.unregister(key.fileobj)
            continue
        begun[key.fileobj] += data
        if udp or not data:
            answers[number] = begun[key.fileobj].decode() or None
            chosen.unregister(key.fileobj)
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Target:
    """A server that says who it is (inside.serve), at this address."""

    address: str
    port: int
    udp: bool = False


class Asking:
    """Questions under way; several places may ask at the same time."""

    def __init__(self, place: Namespace, targets: Sequence[Target], *, timeout_s: float = 1.0) -> None:
        wanted = json.dumps([[target.address, target.port, target.udp] for target in targets])
        argv = [sys.executable, "-I", "-S", "-c", _ASKER, wanted, str(timeout_s)]
        self._process = place.popen(*argv, stdout=subprocess.PIPE)
        self._limit_s = timeout_s + 20

    def answers(self) -> list[str | None]:
        out, _ = self._process.communicate(timeout=self._limit_s)
        return list(json.loads(out))


def ask(place: Namespace, targets: Sequence[Target], *, timeout_s: float = 1.0) -> list[str | None]:
    """What each says to a caller from this place: its name and whom it saw, or nothing within the time."""
    return Asking(place, targets, timeout_s=timeout_s).answers()
