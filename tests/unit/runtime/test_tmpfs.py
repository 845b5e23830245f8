"""Options of a tmpfs."""

from __future__ import annotations

import pytest

from fairlead.errors import InvalidParameter
from fairlead.runtime import tmpfs


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ["noexec", "nosuid", "nodev"]),
        ("exec,suid", ["exec", "suid", "nodev"]),
        ("exec,noexec,size=1m,size=2m", ["noexec", "nosuid", "nodev", "size=2m"]),
        ("ro,mode=1777,uid=5", ["noexec", "nosuid", "nodev", "ro", "mode=1777", "uid=5"]),
    ],
)
def test_the_later_of_two_wins(text: str, wanted: list[str]) -> None:
    assert tmpfs.options(text) == wanted


@pytest.mark.parametrize(("text", "shown"), [("nope", '["nope"]'), ("size", '["size"]'), ("a=b", '["a" "b"]')])
def test_what_is_no_option(text: str, shown: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        tmpfs.options(text)
    assert refused.value.message == f"invalid tmpfs option {shown}"
