"""What a client is told of a failure."""

from __future__ import annotations

from fairlead.api import errors
from fairlead.errors import NotFound


def test_first_of_a_group_is_told() -> None:
    group = ExceptionGroup("many", [ExceptionGroup("more", [ValueError("why")]), KeyError("later")])
    assert errors.text(group) == "ValueError: why"
    assert errors.status(group) == 500
    assert errors.text(ExceptionGroup("one", [NotFound("No such image: x")])) == "No such image: x"
