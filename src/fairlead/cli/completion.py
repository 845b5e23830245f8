"""What may stand where the cursor is, told to a shell: `fairlead __complete`, which the scripts of `completion` ask.

The verbs' own declarations say what flags there are and what takes a value; candidates.py says what values there are.
A key press waits for this, so it imports the one verb that is being typed and nothing else.
"""

from __future__ import annotations

import sys

from fairlead.cli import candidates, flags, main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairlead.cli.candidates import Found

_MORE = {
    "help": "Help about a command", "daemon": "Run the engine in the foreground",
    "doctor": "Check what this host has for running containers",
}  # fmt: skip


def run(argv: list[str]) -> int:
    """`bash LINE WORDBREAKS`, or `zsh` or `fish` and the words up to the cursor. Prints what there is, one a line (with
    a tab and what it is, where the shell shows that), and last `:` with what else to offer: files, dirs, or none."""
    shell, words = argv[0], argv[1:]
    if shell == "bash":
        words = split(argv[1])[1:]
    found = complete(words, told=shell != "bash")
    cut = _bash_cut(words[-1], argv[2]) if shell == "bash" else 0
    lines = []
    for word, about in sorted(dict(found.words).items()):
        if word.startswith(words[-1]):
            lines.append(word[cut:] if shell == "bash" or not about else f"{word}\t{about}")
    sys.stdout.write("\n".join([*lines, f":{found.files}"]) + "\n")
    return 0


def split(line: str) -> list[str]:
    """The words of a command line that has not ended; the last one may be empty."""
    words = [""]
    quote = ""
    letters = iter(line)
    for letter in letters:
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        elif letter == "\\" and quote != "'":
            words[-1] += next(letters, "")
        elif letter in " \t" and not quote:
            words += [""] if words[-1] else []
        else:
            words[-1] += letter
    return words


def _bash_cut(word: str, breaks: str) -> int:
    """bash takes the end of a word for the word, after a colon or an equals sign."""
    return max((word.rfind(letter) + 1 for letter in breaks if letter in "=:"), default=0)


def complete(words: list[str], *, told: bool) -> Found:
    """`words` without the program; the last is being typed. `told`: with what verbs are about."""
    line = Line(main.GLOBAL, words)
    if line.pending is not None or not line.args:
        return _flag(line, "", line.host) if line.is_flag else candidates.Found(_verbs(told=told), "none")
    rest = line.args
    if rest[0] == "help":
        rest = rest[1:] or [""]
    if len(rest) == 1:
        return candidates.Found(_verbs(told=told), "none")
    if rest[0] in main.NOUNS and len(rest) == 2:
        return candidates.Found(_described(main.NOUNS[rest[0]], told=told), "none")
    target, _, verbs_words = main._find(rest)
    if target is None:
        return candidates.Found({}, "none")
    inner = Line(main.declaration(target), verbs_words)
    host = line.host
    if inner.is_flag:
        return _flag(inner, target, host)
    return candidates.argument(candidates.Asked(host, target, inner.verb, inner.args))


def _verbs(*, told: bool) -> dict[str, str]:
    if not told:
        return dict.fromkeys((*main.VERBS, *main.NOUNS, *_MORE), "")
    from fairlead.cli import usage

    return {**_described(main.VERBS, told=True), **usage.NOUNS, **_MORE}


def _described(verbs: dict[str, str], *, told: bool) -> dict[str, str]:
    """What verbs are about takes the import of all of them."""
    if not told:
        return dict.fromkeys(verbs, "")
    from fairlead.cli import usage

    return {verb: usage.about(target) for verb, target in verbs.items()}


def _flag(line: Line, target: str, host: str) -> Found:
    if line.pending is not None:
        found = candidates.value(candidates.Asked(host, target, line.verb, [line.value]), line.pending)
        prefix = f"--{line.pending.name}=" if line.joined else ""
        return candidates.Found({prefix + word: about for word, about in found.words.items()}, found.files)
    return candidates.Found(_names(line.verb.flags), "none")


def _names(known: Iterable[flags.Flag]) -> dict[str, str]:
    found = {"--help": "Show help"}
    for flag in known:
        if not flag.hidden:
            about = flag.help.partition("\n")[0]
            found[f"--{flag.name}"] = about
            if flag.short:
                found[f"-{flag.short}"] = about
    return found


class Line:
    """What a verb's words are up to the cursor. `pending`: the flag whose `value` is being typed, `joined` to its name
    by an equals sign or not; else `is_flag` where a flag's name is typed; else `args`, of which the last is typed."""

    def __init__(self, verb: flags.Verb, words: list[str]) -> None:
        self.verb = verb
        self.args: list[str] = []
        self.pending: flags.Flag | None = None
        self.value = ""
        self.joined = False
        self.is_flag = False
        self.host = ""
        self._walk(words)

    def _walk(self, words: list[str]) -> None:
        for at, word in enumerate(words):
            last = at == len(words) - 1
            if self.pending is not None:
                self._take(word, last=last)
            elif word == "--" and not last:
                self.args += words[at + 1 :]
                return
            elif word[:1] == "-" and (len(word) > 1 or last):
                self._flag(word, last=last)
            elif self.verb.interspersed:
                self.args.append(word)
            else:
                self.args += words[at:]
                return

    def _take(self, word: str, *, last: bool) -> None:
        if last:
            self.is_flag, self.value = True, word
            return
        assert self.pending is not None
        if self.pending.name == "host":
            self.host = word
        self.pending = None

    def _flag(self, word: str, *, last: bool) -> None:
        name, equals, value = word[2:].partition("=") if word[:2] == "--" else (word[1:], "", "")
        if word[:2] == "--":
            flag = next((flag for flag in self.verb.flags if flag.name == name), None)
        else:  # of letters in a row, the last one may want a value
            flag = next((flag for flag in self.verb.flags if flag.short == name[-1:] and name), None)
        takes = flag is not None and flag.kind != "bool"
        if equals and takes:
            self.pending = flag
            if last:
                self.joined = True
            self._take(value, last=last)
        elif last:
            self.is_flag = True
        elif takes:
            self.pending = flag
