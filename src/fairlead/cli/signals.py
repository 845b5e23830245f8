"""Signals that a client hands on to its container. `import signal` would cost as much as starting one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
else:
    import _signal

_FORWARDED = ("HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "CONT", "TSTP")


def forward(act: Callable[[str], None]) -> None:
    """From now on these reach the container instead of this process."""
    names = {int(getattr(_signal, f"SIG{name}")): name for name in _FORWARDED}

    def handle(number: int, _frame: object) -> None:
        act(names[number])

    for number in names:
        _signal.signal(number, handle)


def on_resize(act: Callable[[], None]) -> None:
    def handle(_number: int, _frame: object) -> None:
        act()

    _signal.signal(_signal.SIGWINCH, handle)
