from __future__ import annotations

import re

import pytest

from fairlead.engine import names
from fairlead.errors import InvalidParameter


@pytest.mark.parametrize("given", ["web", "/web", "a1", "A.b-c_d", "0x"])
def test_allowed(given: str) -> None:
    assert names.check(given) == given.removeprefix("/")


@pytest.mark.parametrize("given", ["a", "-ab", ".ab", "_ab", "a b", "a/b", "//ab", "äb", "ab\n", "/"])
def test_not_allowed(given: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        names.check(given)
    assert refused.value.message == (
        f"Invalid container name ({given}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    )


def test_there_are_enough_words_and_none_twice() -> None:
    assert len(names.ADJECTIVES) == len(set(names.ADJECTIVES)) >= 90
    assert len(names.SURNAMES) == len(set(names.SURNAMES)) >= 150


def test_a_generated_name_is_readable_and_free() -> None:
    assert re.fullmatch(r"[a-z]+_[a-z]+", names.generate(lambda name: False, "0" * 64))


def test_where_the_plain_names_are_taken_a_digit_is_added() -> None:
    assert re.fullmatch(r"[a-z]+_[a-z]+\d", names.generate(lambda name: name[-1].isalpha(), "0" * 64))


def test_the_last_resort_is_the_short_id() -> None:
    assert names.generate(lambda name: True, "ab" * 32) == "ab" * 6
