"""Expansion and splitting, by the rules of Docker's frontend."""

from __future__ import annotations

import pytest

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import words

VALUES = {"A": "hello", "E": "", "P": "/usr/local/lib.tar.gz", "S": "1 2", "U_1": "u"}

EXPANDED = [
    ("$A", "hello"),
    ("${A}", "hello"),
    ("$A$A", "hellohello"),
    ("x${U_1}y", "xuy"),
    ("$NONE-", "-"),
    ("'$A'", "$A"),
    ('"$A b"', "hello b"),
    ("\\$A", "$A"),
    ('"\\$A"', "$A"),
    ('"a\\nb"', "a\\nb"),
    ("a\\nb", "anb"),
    ("${A:-x}", "hello"),
    ("${E:-x}", "x"),
    ("${E-x}", ""),
    ("${NONE-x}", "x"),
    ("${NONE:-$A}", "hello"),
    ("${NONE:-${E:-deep}}", "deep"),
    ("${A:+x}", "x"),
    ("${E:+x}", ""),
    ("${E+x}", "x"),
    ("${NONE+x}", ""),
    ("${A:?no}", "hello"),
    ("${E?no}", ""),
    ("${P#*/}", "usr/local/lib.tar.gz"),
    ("${P##*/}", "lib.tar.gz"),
    ("${P%.*}", "/usr/local/lib.tar"),
    ("${P%%.*}", "/usr/local/lib"),
    ("${P%x}", "/usr/local/lib.tar.gz"),
    ("${P/l/L}", "/usr/Local/lib.tar.gz"),
    ("${P//l/L}", "/usr/LocaL/Lib.tar.gz"),
    ("${P//\\//-}", "-usr-local-lib.tar.gz"),
    ("${A/h?l/j}", "jlo"),
    ("$", "$"),
    ("a$ b", "a$ b"),
    ("$1x", "x"),
    ("trailing\\", "trailing"),
    ("ünï$A", "ünïhello"),
]


@pytest.mark.parametrize(("text", "result"), EXPANDED)
def test_expansion(text: str, result: str) -> None:
    assert words.expand(text, VALUES) == result


REFUSED = [
    ("${A", "missing '}'"),
    ("${", "missing '}'"),
    ("${}", "bad substitution"),
    ("${:x}", "bad substitution"),
    ("${A!x}", "unsupported modifier (!) in substitution"),
    ("${A:=x}", "unsupported modifier (:=) in substitution"),
    ("'a", "unexpected end of statement while looking for matching single-quote"),
    ('"a', "unexpected end of statement while looking for matching double-quote"),
    ("${NONE?}", "NONE: is not allowed to be unset"),
    ("${E:?}", "E: is not allowed to be empty"),
    ("${NONE:?give one}", "NONE: give one"),
    ("${A/h}", "missing '/' in ${}"),
    ("${P#\\q}", "invalid escape '\\q'"),
]


@pytest.mark.parametrize(("text", "complaint"), REFUSED)
def test_what_cannot_be_expanded_is_refused_with_the_text(text: str, complaint: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        words.expand(text, VALUES)
    assert caught.value.message.startswith(f"failed to process {words.quote(text)}: ")
    assert complaint in caught.value.message


def test_words_are_cut_after_expansion_unless_quoted() -> None:
    assert words.split('$S "$S" x', VALUES) == ["1", "2", "1 2", "x"]
    assert words.split("a\\ b 'c d'", VALUES) == ["a b", "c d"]
    assert words.split("$NONE", VALUES) == []


def test_the_escape_character_may_be_a_backtick() -> None:
    assert words.expand("c:\\dir`$A", VALUES, escape="`") == "c:\\dir$A"


def test_a_heredoc_keeps_its_quotes() -> None:
    assert words.content("say \"$A\" '$A' \\$A\n", VALUES) == "say \"hello\" 'hello' $A\n"
