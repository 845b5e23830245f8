"""From text to stages, and what is refused on the way, with Docker's words."""

from __future__ import annotations

import pytest

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import plan
from fairlead.images.dockerfile.instructions import Instruction


def only(text: str) -> Instruction:
    """The one instruction after FROM."""
    (stage,) = plan.parse(f"FROM scratch\n{text}").stages
    (instruction,) = stage.instructions
    return instruction


LINES = [
    ("RUN a \\\n  b", ("a   b",)),
    ("RUN a \\\n# comment\n  b", ("a   b",)),
    ("RUN a \\\n\n  b", ("a   b",)),
    ("RUN a \\  \n  b", ("a   b",)),
    ("RUN a # b", ("a # b",)),
    ("run  A", ("A",)),
    ('CMD ["a", "b c"]', ("a", "b c")),
    ('CMD ["a", b]', ('["a", b]',)),
    ("ENV A b  c", ("A", "b  c")),
    ('ENV A=b C="d e" F=g\\ h', ("A", "b", "C", '"d e"', "F", "g\\ h")),
    ("LABEL a=b=c", ("a", "b=c")),
    ("COPY a b  /c/", ("a", "b", "/c/")),
    ('COPY ["a b", "/c/"]', ("a b", "/c/")),
    ("ARG A B=c", ("A", "B=c")),
    ("EXPOSE 80 443/tcp", ("80", "443/tcp")),
    ("USER a b", ("a b",)),
    ("HEALTHCHECK --interval=1s CMD a b", ("CMD", "a b")),
    ('HEALTHCHECK CMD ["a", "b"]', ("CMD", "a", "b")),
    ("HEALTHCHECK NONE", ("NONE",)),
    ("ONBUILD RUN a", ("RUN a",)),
    ("STOPSIGNAL 9", ("9",)),
    ('SHELL ["a", "-c"]', ("a", "-c")),
]


@pytest.mark.parametrize(("text", "args"), LINES)
def test_arguments_of_instructions(text: str, args: tuple[str, ...]) -> None:
    assert only(text).args == args


FLAGS = [
    ("COPY --from=a --chown=1:2 x /y", {"from": ("a",), "chown": ("1:2",)}),
    ("COPY --link x /y", {"link": ("true",)}),
    ("COPY --link=false x /y", {"link": ("false",)}),
    ("RUN --mount=type=cache,target=/a --mount=type=tmpfs,target=/b x", {
        "mount": ("type=cache,target=/a", "type=tmpfs,target=/b")}),
    ('RUN --mount="type=bind,target=/a b" x', {"mount": ("type=bind,target=/a b",)}),
    ("RUN -- x", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "flags"), FLAGS)
def test_flags(text: str, flags: dict[str, tuple[str, ...]]) -> None:
    assert only(text).flags == flags


REFUSED = [
    ("", "the Dockerfile (Dockerfile) cannot be empty"),
    ("\n# nothing\n", "failed to parse Dockerfile: file with no instructions"),
    ("RUN x", "no build stage in current context"),
    ("FROM a b", "dockerfile parse error on line 1: FROM requires either one or three arguments"),
    ("FROM a AS 1b", 'dockerfile parse error on line 1: invalid name for build stage: "1b", name can\'t start with a '
     "number or contain symbols"),
    ("FROM a\n\nFOO x", "dockerfile parse error on line 3: unknown instruction: FOO (did you mean FROM?)"),
    ("FROM a\nINSTALL x", "dockerfile parse error on line 2: unknown instruction: INSTALL"),
    ("FROM a\nrnu x", "dockerfile parse error on line 2: unknown instruction: rnu (did you mean run?)"),
    ("FROM a\nCOPY --boo=1 a /b", "dockerfile parse error on line 2: unknown flag: --boo"),
    ("FROM a\nCOPY --chow=1 a /b", "dockerfile parse error on line 2: unknown flag: --chow (did you mean chown?)"),
    ("FROM a\nCOPY --chown a /b", "dockerfile parse error on line 2: missing a value on flag: --chown"),
    ("FROM a\nCOPY --from=a --from=b a /b", "dockerfile parse error on line 2: duplicate flag specified: --from"),
    ("FROM a\nCOPY --link=x a /b", "dockerfile parse error on line 2: expecting boolean value for flag --link, not: x"),
    ("FROM a\nCOPY a", "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was "
     "provided. Destination could not be determined"),
    ("FROM a\nENV", "dockerfile parse error on line 2: ENV requires at least one argument"),
    ("FROM a\nENV a", "failed to parse Dockerfile: ENV must have two arguments"),
    ("FROM a\nENV a=b c", 'failed to parse Dockerfile: Syntax error - can\'t find = in "c". Must be of '
     "the form: name=value"),
    ("FROM a\nENV =b", "dockerfile parse error on line 2: ENV names can not be blank"),
    ("FROM a\nUSER", "dockerfile parse error on line 2: USER requires exactly one argument"),
    ("FROM a\nSHELL a b", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form"),
    ("FROM a\nONBUILD ONBUILD RUN x", "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't "
     "allowed"),
    ("FROM a\nONBUILD FROM x", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger"),
    ("FROM a\nHEALTHCHECK CMD", "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD"),
    ("FROM a\nHEALTHCHECK NONE x", "dockerfile parse error on line 2: HEALTHCHECK NONE takes no arguments"),
    ("FROM a\nHEALTHCHECK FOO x", 'dockerfile parse error on line 2: Unknown type "FOO" in HEALTHCHECK (try CMD)'),
    ("FROM a\nHEALTHCHECK --timeout=soon CMD x", 'dockerfile parse error on line 2: time: invalid duration "soon"'),
    ("FROM a\nHEALTHCHECK --interval=9us CMD x", 'dockerfile parse error on line 2: Interval "interval" cannot be less '
     "than 1ms"),
    ("FROM a\nHEALTHCHECK --retries=x CMD x", 'dockerfile parse error on line 2: strconv.ParseInt: parsing "x": '
     "invalid syntax"),
    ("FROM a\nCMD [1]", "failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of "
     "strings only"),
    ("# escape=x\nFROM a", "failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\"),
    ("# escape=`\n# escape=`\nFROM a", "failed to parse Dockerfile: only one escape parser directive can be used"),
    ("FROM a\nRUN <<EOF\nx", "failed to parse Dockerfile: unterminated heredoc"),
    ("FROM a\nCOPY x <<EOF\nEOF", "dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination"),
    ("FROM a\nVOLUME [\"\"]", "dockerfile parse error on line 2: VOLUME specified can not be an empty string"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "complaint"), REFUSED)
def test_refusals(text: str, complaint: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        plan.parse(text)
    assert caught.value.message == complaint


def test_the_escape_directive() -> None:
    parsed = plan.parse("# escape=`\nFROM a\nRUN x `\n y\\\nCMD z")
    assert [step.args for step in parsed.stages[0].instructions] == [("x  y\\",), ("z",)]


def test_a_directive_after_anything_else_is_a_comment() -> None:
    assert plan.parse("# hello\n# escape=`\nFROM a\nRUN x \\\n y").stages[0].instructions[0].args == ("x  y",)


def test_byte_order_mark_and_carriage_returns() -> None:
    assert plan.parse("\ufeffFROM a\r\nRUN x \\\r\n y\r\n").stages[0].instructions[0].args == ("x  y",)


HEREDOCS = [
    ("RUN <<EOF\na\n# b\n\nEOF", "EOF", "a\n# b\n\n", True),
    ("RUN <<-EOF\n\ta\n\tEOF", "EOF", "a\n", True),
    ("COPY <<'F' /x\n$a\nF", "F", "$a\n", False),
    ('COPY <<"F" /x\n$a\nF', "F", "$a\n", False),
    ("RUN cat 3<<EOF\na\nEOF", "EOF", "a\n", True),
]


@pytest.mark.parametrize(("text", "name", "content", "expand"), HEREDOCS)
def test_heredocs(text: str, name: str, content: str, expand: bool) -> None:
    (heredoc,) = only(text).heredocs
    assert (heredoc.name, heredoc.content, heredoc.expand) == (name, content, expand)


def test_two_heredocs_follow_each_other() -> None:
    step = only("COPY <<A <<B /x/\n1\nA\n2\nB")
    assert [(heredoc.name, heredoc.content) for heredoc in step.heredocs] == [("A", "1\n"), ("B", "2\n")]


@pytest.mark.parametrize("text", ["RUN echo $((1<<2))", 'RUN ["a", "<<b"]', "ENV A=<<B", 'RUN echo "<<EOF"'])
def test_what_is_no_heredoc(text: str) -> None:
    assert only(text).heredocs == ()


STAGES = """
ARG BASE=b
FROM x AS a
FROM scratch AS b
FROM a AS unused
FROM ${BASE} AS last
COPY --from=0 /x /y
RUN --mount=type=bind,from=c,target=/c x
FROM last AS after
"""


def test_a_target_needs_what_it_names_and_nothing_else() -> None:
    parsed = plan.parse(STAGES)
    assert parsed.needed(parsed.target("last"), {"BASE": "b"}) == [0, 1, 3]
    assert parsed.needed(parsed.target("last"), {"BASE": "debian"}) == [0, 3]
    assert parsed.needed(parsed.target(""), {"BASE": "b"}) == [0, 1, 3, 4]
    assert parsed.target("A") == 0
    assert parsed.target("2") == 2


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(InvalidParameter) as caught:
        plan.parse(STAGES).target("nosuch")
    assert caught.value.message == "failed to reach build target nosuch in Dockerfile"
