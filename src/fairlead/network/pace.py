"""How often something is mended that somebody else breaks again and again: at once, but in the long run not more than
once a second. Pure."""

from __future__ import annotations

_AT_ONCE = 10
_PER_SECOND = 1.0


class Pace:
    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        """What → how often it may be mended at once, and when that was so."""

    def wait(self, what: str, now: float) -> float:
        """Seconds until it may be mended. Who has to wait comes once: what is broken meanwhile is mended with it."""
        left, then = self._left.get(what, (_AT_ONCE, now))
        left = min(_AT_ONCE, left + (now - then) * _PER_SECOND)
        self._left[what] = left - 1, now
        self._forget(now)
        return max(0.0, (1 - left) / _PER_SECOND)

    def _forget(self, now: float) -> None:
        full_s = (_AT_ONCE + 1) / _PER_SECOND
        self._left = {what: entry for what, entry in self._left.items() if now < entry[1] + full_s}
