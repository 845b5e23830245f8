"""Which things a prune takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairlead.engine import pruning
from fairlead.errors import InvalidParameter

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        ({}, True),
        ({"label": ["a"]}, True),
        ({"label": ["a=1", "b"]}, False),
        ({"label!": ["a"]}, False),
        ({"label!": ["a=2"]}, True),
        ({"until": ["2026-01-02"]}, True),
        ({"until": ["2025-12-31T23:00:00"]}, False),
        ({"until": ["1h"]}, True),
    ],
)
def test_filters(filters: dict[str, list[str]], taken: bool) -> None:
    assert pruning.Selection(filters).takes({"a": "1"}, NOW) is taken


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - timedelta(days=1)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1767225600", NOW),
        ("1767225600.5", NOW + timedelta(seconds=0.5)),
        ("2026-01-01T00:00:00Z", NOW),
        ("2026-01-01T01:00:00+01:00", NOW),
        ("2026-01-01", NOW),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert pruning.moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "h", "1x", "yesterday", "99999999999999999"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidParameter):
        pruning.moment(text, NOW)


def test_one_until_is_enough() -> None:
    with pytest.raises(InvalidParameter, match="more than one until filter specified"):
        pruning.Selection({"until": ["1h", "2h"]})


def test_truths() -> None:
    assert pruning.truth({"all": ["true"]}, "all", default=False)
    assert pruning.truth({}, "all", default=True)
    with pytest.raises(InvalidParameter, match=r"invalid filter 'all=\[maybe\]'"):
        pruning.truth({"all": ["maybe"]}, "all", default=False)
