"""Signal names and numbers as Docker's clients write them: `9`, `KILL`, `SIGKILL`, `RTMIN+3`. Pure."""

from __future__ import annotations

import signal

from fairlead.errors import InvalidParameter


def parse(text: str) -> int:
    """The number. Raises with Docker's text."""
    if text.isascii() and text.isdigit() and int(text):
        if int(text) > signal.SIGRTMAX:
            raise InvalidParameter(f"the linux daemon does not support signal {text}")
        return int(text)
    name = text.upper().removeprefix("SIG")
    for base, sign in (("RTMIN", "+"), ("RTMAX", "-")):
        head, found, offset = name.partition(sign)
        if head == base and (not found or offset.isdigit()):
            steps = int(offset or 0)
            number = signal.SIGRTMIN + steps if base == "RTMIN" else signal.SIGRTMAX - steps
            if signal.SIGRTMIN <= number <= signal.SIGRTMAX:
                return int(number)
    if "SIG" + name in signal.Signals.__members__:
        return int(signal.Signals["SIG" + name])
    raise InvalidParameter(f"invalid signal: {text}")


def stop_signal(text: str) -> int:
    """A container's own, or SIGTERM."""
    return parse(text) if text else int(signal.SIGTERM)
