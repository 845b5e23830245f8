from __future__ import annotations

import pytest

from fairlead.api import gojson


def test_half_a_surrogate_becomes_the_replacement_character_everywhere() -> None:
    read = gojson.loads('{"a\\ud800": ["\\udfffx", {"b": "\\uD83D\\uDE00"}]}')
    assert read == {"a\ufffd": ["\ufffdx", {"b": "\U0001f600"}]}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, '{"a":' * 5_000 + '"\\ud800"' + "}" * 5_000, "9" * 5_000, "{}{}", "nul"],
    ids=["nothing", "cut off", "deep", "deep and broken", "huge", "two", "no word"],
)
def test_what_cannot_be_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        gojson.loads(text)
