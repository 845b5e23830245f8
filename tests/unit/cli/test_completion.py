"""Completion of what needs no daemon; with one and in real shells: conformance/test_completion.py."""

from __future__ import annotations

import pytest

from fairlead.cli import candidates, completion, main

BELOW = (*main.NOUNS.values(), *main.BELOW.values())
TARGETS = sorted({*main.VERBS.values(), *(target for verbs in BELOW for target in verbs.values())})


def _complete(line: str) -> tuple[list[str], str]:
    words = completion.split(line)
    found = completion.complete(words, told=False)
    return [word for word in found.words if word.startswith(words[-1])], found.files


def test_the_arguments_of_every_verb_are_known() -> None:
    assert sorted(candidates.ARGUMENTS) == TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_no_more_arguments_are_offered_than_the_verb_takes(target: str) -> None:
    most = main.declaration(target).count[1]
    assert most is None or len(candidates.ARGUMENTS[target]) <= most


def test_every_filter_belongs_to_a_verb_that_filters() -> None:
    filtering = {target for target in TARGETS if any(f.name == "filter" for f in main.declaration(target).flags)}
    assert set(candidates.FILTERS) == filtering


@pytest.mark.parametrize(
    ("line", "words", "files"),
    [
        ("ru", ["run"], "none"),
        ("container ren", ["rename"], "none"),
        ("builder ", ["build", "prune"], "none"),
        ("help to", ["top"], "none"),
        ("run --cap-d", ["--cap-drop"], "none"),
        ("run -it --restart o", ["on-failure"], "none"),
        ("run --restart=o", ["--restart=on-failure"], "none"),
        ("run --env-file ", [], "files"),
        ("run --env-file=", [], "files"),
        ("-D ps --filter sta", ["status="], "none"),
        ("ps --filter status=ex", ["status=exited"], "none"),
        ("ps -qf status=ex", ["status=exited"], "none"),
        ("network create -d ", ["bridge"], "none"),
        ("build ", [], "dirs"),
        ("load -i ", [], "files"),
        ("kill -s SIGU", ["SIGUSR1", "SIGUSR2"], "none"),
        ("run box ls --c", [], "none"),
        ("rename a b ", [], "none"),
        ("nope ", [], "none"),
        ("completion z", ["zsh"], "none"),
    ],
)
def test_words_of_the_client_itself(line: str, words: list[str], files: str) -> None:
    assert _complete(line) == (words, files)


def test_flags_before_the_verb_are_read_over() -> None:
    assert _complete("-H unix:///nowhere stop ") == ([], "none")
    assert _complete("--host=unix:///nowhere ru") == (["run"], "none")


def test_a_line_is_cut_as_a_shell_cuts_it() -> None:
    assert completion.split("run -e 'a b' \"c\\\" d\" e\\ f") == ["run", "-e", "a b", 'c" d', "e f"]
    assert completion.split("fairlead ") == ["fairlead", ""]


def test_bash_gets_the_end_of_a_word_alone(capsys: pytest.CaptureFixture[str]) -> None:
    completion.run(["bash", "fairlead run --restart=o", ' \t\n"=:'])
    assert capsys.readouterr().out == "on-failure\n:none\n"


def test_zsh_and_fish_are_told_what_verbs_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    completion.run(["fish", "volu"])
    assert capsys.readouterr().out == "volume\tManage volumes\n:none\n"
