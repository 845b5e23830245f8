from __future__ import annotations

import re
import signal

import pytest

from fairlead.engine import signals
from fairlead.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "number"),
    [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("RTMIN", 34), ("RTMIN+3", 37), ("SIGRTMAX-1", 63)],
)
def test_signals(text: str, number: int) -> None:
    assert signals.parse(text) == number


@pytest.mark.parametrize("text", ["", "0", "NOPE", "RTMIN+99", "SIG", "-9"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(InvalidParameter, match=re.escape(f"invalid signal: {text}")):
        signals.parse(text)


def test_numbers_beyond_the_kernels_are_told_apart() -> None:
    with pytest.raises(InvalidParameter, match="the linux daemon does not support signal 65"):
        signals.parse("65")


def test_a_container_stops_by_sigterm_unless_it_says_otherwise() -> None:
    assert signals.stop_signal("") == signal.SIGTERM
    assert signals.stop_signal("SIGQUIT") == signal.SIGQUIT
