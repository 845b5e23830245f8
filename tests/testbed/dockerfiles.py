"""Dockerfiles of every feature. `proof` says who was asked for the right result: Docker's classic builder, BuildKit (as
dockerd 20.10 has it), or, where that is too old, Docker's reference alone."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

STAMP = 1_500_000_000
"""When all files of contexts were last changed."""


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class File:
    content: str | bytes = ""
    mode: int = 0o644


def archive(compression: str = "") -> bytes:
    """A tar with a directory, a file of a user's, a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as tar:
        for name, kind in (("in", tarfile.DIRTYPE), ("in/file", tarfile.REGTYPE), ("in/link", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.uid, info.gid, info.mode = kind, STAMP, 7, 8, 0o750
            info.linkname = "file" if kind == tarfile.SYMTYPE else ""
            info.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"data") if info.size else None)
    return out.getvalue()


@dataclass(frozen=True)
class Case:
    name: str
    dockerfile: str
    files: Mapping[str, str | File | Link] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    proof: Literal["classic", "buildkit", "reference"] = "classic"

    @property
    def environment(self) -> dict[str, str]:
        """Which builder Docker's client is to ask."""
        return {"DOCKER_BUILDKIT": "0" if self.proof == "classic" else "1"}

    def arguments(self, context: Path) -> list[str]:
        """The flags, with files of the context where they lie."""
        placed = [flag.replace("src=", f"src={context}/") for flag in self.flags]
        pairs = zip(["", *placed], placed, strict=False)
        return [f"{context}/{flag}" if before == "-f" else flag for before, flag in pairs]

    def write(self, context: Path) -> None:
        context.mkdir(parents=True)
        (context / "Dockerfile").write_text(self.dockerfile)
        for name, given in self.files.items():
            path = context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(given, Link):
                path.symlink_to(given.target)
            elif name.endswith("/"):
                path.mkdir(exist_ok=True)
            else:
                made = File(given) if isinstance(given, str) else given
                path.write_bytes(made.content if isinstance(made.content, bytes) else made.content.encode())
                path.chmod(made.mode)
        for folder, _, names in os.walk(context, topdown=False):
            for name in names:
                os.utime(f"{folder}/{name}", (STAMP, STAMP), follow_symlinks=False)
            os.utime(folder, (STAMP, STAMP))


TREE: Mapping[str, str | File | Link] = {
    "a.txt": "a", "b.txt": "b", "c.md": "c", "run.sh": File("#!/bin/sh\necho ran\n", 0o755),
    "d/one": "1", "d/two": File("2", 0o600), "d/deep/three": "3", "d/link": Link("one"), "d/.hidden": "h",
    "away": Link("d"), "to-a": Link("a.txt"),
}  # fmt: skip


CASES = (
    Case("cmd-shell", "FROM box\nCMD echo $HOME\n"),
    Case("cmd-exec", 'FROM box\nCMD ["echo", "a b", "$HOME"]\n'),
    Case("cmd-empty", "FROM box\nCMD x\nCMD []\n"),
    Case("cmd-last-counts", "FROM box\nCMD a\nCMD b\n"),
    Case("entrypoint-drops-cmd-of-base", "FROM box AS base\nCMD a\nFROM base\nENTRYPOINT [\"e\"]\n"),
    Case("entrypoint-keeps-own-cmd", "FROM box\nCMD a\nENTRYPOINT e f\n"),
    Case("env-forms", 'FROM box\nENV A one two\nENV B=b C="c d" D=e\\ f\nENV A=three\n'),
    Case("env-expansion", "FROM box\nENV A=a\nENV B=$A C=${A}x D='$A' E=\\$A F=\"$A\"\nENV A=z G=$A H=${A:-q} "
         "I=${N:-q} J=${A:+q} K=${N:+q}\n"),
    Case("env-in-run", "FROM box\nENV A=a\nRUN A=b; echo $A ${A} > /out\nENV A=c\nRUN echo $A >> /out\n"),
    Case("env-reaches-everything", "FROM box\nENV D=/dir U=7 P=80 V=/vol S=9 F=a.txt L=lab\nWORKDIR $D\nUSER $U\n"
         "EXPOSE $P\nVOLUME $V\nSTOPSIGNAL $S\nCOPY $F ${D}/x/\nADD ${F} $D/y/\nLABEL $L=$F\nONBUILD RUN $F\n", TREE),
    Case("arg-default-and-given", "FROM box\nARG A=1\nARG B=2\nARG C\nRUN echo $A-$B-$C > /out\nENV X=$A$B$C\n",
         flags=("--build-arg", "B=two", "--build-arg", "C=three")),
    Case("arg-before-from", "ARG BASE=box\nARG V=7\nFROM $BASE\nARG V\nRUN echo \"[$V]\" \"[$BASE]\" > /out\n"),
    Case("arg-in-from-given", "ARG BASE=nosuch\nFROM ${BASE}\nCMD x\n", flags=("--build-arg", "BASE=box")),
    Case("arg-does-not-cross-stages", "FROM box AS a\nARG X=1\nRUN echo $X > /a\nFROM box\nRUN echo \"[$X]\" > /b\n"
         "COPY --from=a /a /a\n"),
    Case("arg-loses-to-env", "FROM box\nARG X=arg\nENV X=env\nRUN echo $X > /out\n", flags=("--build-arg", "X=given")),
    Case("arg-expands-arg", "FROM box\nARG A=1\nARG B=${A}2\nRUN echo $B > /out\nLABEL b=$B\n"),
    Case("arg-proxy-is-predefined", "FROM box\nRUN echo $HTTP_PROXY $no_proxy > /out\n",
         flags=("--build-arg", "HTTP_PROXY=http://p:1", "--build-arg", "no_proxy=x")),
    Case("arg-unused-is-told", "FROM box\nCMD x\n", flags=("--build-arg", "nope=1", "--build-arg", "also=2")),
    Case("label-forms", 'FROM box\nLABEL a=b\nLABEL "c d"="e f" g=h\\ i\nLABEL multi="x\\\ny"\nLABEL old form here\n'),
    Case("label-flags", "FROM box\nLABEL a=1\n", flags=("--label", "a=2", "--label", "z=$A")),
    Case("expose", "FROM box\nEXPOSE 80 443/tcp 53/udp\nEXPOSE 8000-8002\nENV P=\"90 91\"\nEXPOSE $P\n"),
    Case("volume-forms", 'FROM box\nVOLUME /a /b\nVOLUME ["/c d", "/e"]\n'),
    Case("volume-forgets-what-run-wrote", "FROM box\nRUN mkdir /v && echo 1 > /v/before\nVOLUME /v\n"
         "RUN echo 2 > /v/after; ls /v\n"),
    Case("user-and-workdir", "FROM box\nUSER 1000:1000\nWORKDIR /home/u\nRUN id -u; pwd; touch /tmp/mine\n"
         "USER root\nWORKDIR sub\nWORKDIR ../other\nRUN pwd\n"),
    Case("workdir-makes-directories", "FROM box\nWORKDIR /x/y/z\nCOPY a.txt .\nCOPY b.txt ./in/\n", TREE),
    Case("stopsignal", "FROM box\nSTOPSIGNAL SIGQUIT\n"),
    Case("shell", 'FROM box\nSHELL ["/bin/sh", "-x", "-c"]\nRUN echo hi > /out\nCMD run me\nENTRYPOINT also\n'),
    Case("healthcheck-shell", "FROM box\nHEALTHCHECK --interval=5m --timeout=3s --start-period=1h --retries=4 "
         "CMD check || exit 1\n"),
    Case("healthcheck-exec-and-none", 'FROM box AS a\nHEALTHCHECK CMD ["c", "d"]\nFROM a\nHEALTHCHECK NONE\n'),
    Case("maintainer", "FROM box\nMAINTAINER Some One <a@b.c>\nRUN touch /x\n"),
    Case("onbuild", "FROM box AS base\nONBUILD COPY a.txt /on/\nONBUILD RUN echo built > /on/run\nONBUILD ENV X=1\n"
         "FROM base\nRUN ls /on\n", TREE),
    Case("run-exec-form", 'FROM box\nRUN ["/bin/sh", "-c", "echo $0 > /out", "zero"]\n'),
    Case("run-continued", "FROM box\nRUN echo a \\\n  # a comment\n  b \\\n\n  c > /out\n"),
    Case("run-changes-and-deletes", "FROM box\nRUN mkdir -p /d/e && echo 1 > /d/f && echo 2 > /d/e/g && ln -s f /d/l "
         "&& ln /d/f /d/h\nRUN rm -r /d/e && echo 3 > /d/f && chmod 700 /d && chown 5:6 /d/l\n"
         "RUN rm -r /d && mkdir /d && echo new > /d/n\n"),
    Case("run-special-files", "FROM box\nRUN mkfifo -m 600 /fifo && touch /suid && chmod 4755 /suid && mkdir -m 1777 /t\n"),
    Case("run-sees-both-streams", "FROM box\nRUN echo out\nRUN echo err >&2\n"),
    Case("run-fails", "FROM box\nRUN echo before; exit 42\n"),
    Case("run-exec-fails", 'FROM box\nRUN ["sh", "-c", "exit 3"]\n'),
    Case("copy-file", "FROM box\nCOPY a.txt /x\nCOPY a.txt /y/\nCOPY a.txt /z/a/b\nCOPY run.sh /bin\n", TREE),
    Case("copy-directory", "FROM box\nCOPY d /x\nCOPY d /y/\nCOPY d/. /z\n", TREE),
    Case("copy-everything", "FROM box\nCOPY . /all/\n", TREE),
    Case("copy-wildcard", "FROM box\nCOPY *.txt /t/\nCOPY d/o?e /o\nCOPY [bc].* /bc/\n", TREE),
    Case("copy-several", "FROM box\nCOPY a.txt b.txt d /t/\n", TREE),
    Case("copy-json-form", 'FROM box\nCOPY ["a b", "/c d/"]\n', {"a b": "x"}),
    Case("copy-follows-links", "FROM box\nCOPY to-a /x\nCOPY away /y\nCOPY away/one /z\n", TREE),
    Case("copy-onto-links", "FROM box\nRUN mkdir /real && ln -s real /linked && touch /old && ln -s /old /new\n"
         "COPY a.txt /linked/\nCOPY d /linked\nCOPY b.txt /new\n", TREE),
    Case("copy-merges", "FROM box\nRUN mkdir -m 700 /x && echo old > /x/one && echo stay > /x/stay && chown 9:9 /x\n"
         "COPY d /x\n", TREE),
    Case("copy-chown", "FROM box\nRUN echo 'u:x:1234:2345::/:' >> /etc/passwd && echo 'g:x:3456:' >> /etc/group\n"
         "COPY --chown=u:g d /n\nCOPY --chown=7 a.txt /seven/\nCOPY --chown=5:6 c.md /f\n", TREE),
    Case("copy-chown-of-a-user-without-group", "FROM box\nRUN echo 'u:x:12:23::/:' >> /etc/passwd\n"
         "COPY --chown=u b.txt /u\n", TREE),
    Case("copy-chown-of-nobody-known", "FROM box\nCOPY --chown=who:g b.txt /u\n", TREE),
    Case("copy-from-stage", "FROM box AS one\nRUN mkdir /d && echo 1 > /d/f && ln -s f /d/l && chown -R 3:4 /d\n"
         "FROM scratch\nCOPY --from=one /d /d\nCOPY --from=0 /d/f /f\nCOPY --from=one /d/l /l\n"),
    Case("copy-from-image", "FROM scratch\nCOPY --from=box /bin/busybox /bb/\n"),
    Case("copy-missing", "FROM box\nCOPY nosuch /x\n"),
    Case("copy-missing-wildcard", "FROM box\nCOPY no*such /x\n"),
    Case("copy-several-needs-slash", "FROM box\nCOPY a.txt b.txt /t\n", TREE),
    Case("copy-outside", "FROM box\nCOPY ../x /x\n"),
    Case("copy-missing-in-stage", "FROM box AS a\nFROM box\nCOPY --from=a /nosuch /x\n"),
    Case("add-archives", "FROM box\nADD plain.tar /p\nADD z.tar.gz /g/\nADD z.tar.bz2 /b/\nADD z.tar.xz /x\n",
         {"plain.tar": File(archive()), "z.tar.gz": File(archive("gz")), "z.tar.bz2": File(archive("bz2")),
          "z.tar.xz": File(archive("xz"))}),
    Case("add-what-only-looks-like-an-archive", "FROM box\nADD a.tar /x/\nADD b.tar.gz /x/\nCOPY z.tar /x/\n",
         {"a.tar": "no tar", "b.tar.gz": File(b"\x1f\x8b\x08rubbish"), "z.tar": File(archive())}),
    Case("dockerignore", "FROM box\nCOPY . /all/\n", {**TREE, ".dockerignore": "# none\n*.md\nd/*\n!d/one\n**/.hid*\n"}),
    Case("dockerignore-hides-itself", "FROM box\nCOPY . /all/\n", {"x": "1", ".dockerignore": "Dockerfile\n.docker*\n"}),
    Case("multi-stage-target", "FROM box AS a\nRUN echo a > /x\nFROM a AS b\nRUN echo b >> /x\nFROM b\nRUN echo c >> /x\n",
         flags=("--target", "b")),
    Case("target-unknown", "FROM box AS a\n", flags=("--target", "nope")),
    Case("from-scratch", "FROM scratch\nCOPY a.txt /a\nENV A=b\n", TREE),
    Case("stage-name-shadows-image", "FROM box AS inner\nRUN echo i > /i\nFROM inner AS box\nRUN echo o > /o\nFROM box\n"
         "RUN ls /i /o\n"),
    Case("escape-directive", "# escape=`\nFROM box\nRUN echo a `\n b > /out\nENV P=c:\\x Q=`$P\n"),
    Case("lower-case-and-comments", "# hello\nfrom box as x\n  run echo hi > /out\n\n\tcmd a # b\n"),
    Case("add-host-and-network", "FROM box\nRUN grep -c 10.9.8.7 /etc/hosts > /out; ls /sys/class/net > /net\n",
         flags=("--add-host", "far:10.9.8.7", "--network", "none")),
    Case("dockerfile-elsewhere", "FROM box\nCMD wrong\n", {"sub/My.file": "FROM box\nCMD right\n"},
         flags=("-f", "sub/My.file")),
    Case("copy-chmod", "FROM box\nCOPY --chmod=741 a.txt /x\nCOPY --chmod=0500 --chown=1:2 d/ /y/\n", TREE,
         proof="buildkit"),
    Case("mount-bind", "FROM box AS a\nRUN echo stage > /s\nFROM box\nRUN mkdir /ctx /m && touch /m/f\nRUN --mount=target=/ctx ls /ctx/d > /out; "
         "touch /ctx/no 2>/dev/null || echo ro >> /out\nRUN --mount=type=bind,from=a,source=/s,target=/m/f cat /m/f >> "
         "/out\nRUN --mount=type=bind,target=/ctx,rw rm /ctx/a.txt && echo gone >> /out\nCOPY a.txt /a\n", TREE,
         proof="buildkit"),
    Case("mount-cache-and-tmpfs", "FROM box\nRUN mkdir /c /t\nRUN --mount=type=cache,target=/c,uid=5,mode=0710 stat -c %u:%a /c > /out; "
         "echo x >> /c/f\nRUN --mount=type=cache,target=/c cat /c/f >> /out; : > /c/f\n"
         "RUN --mount=type=cache,target=/c,uid=5,mode=0710 cat /c/f >> /out\n"
         "RUN --mount=type=tmpfs,target=/t echo x > /t/x; ls /t >> /out\n", proof="buildkit"),
    Case("mount-secret", "FROM box\nRUN mkdir -p /run/secrets && touch /run/secrets/s /k\nRUN --mount=type=secret,id=s cat /run/secrets/s > /out; stat -c %a /run/secrets/s "
         ">> /out\nRUN --mount=type=secret,id=s,target=/k,uid=3,mode=0444 stat -c %u:%a /k >> /out\n"
         "RUN --mount=type=secret,id=none cat /run/secrets/none 2>/dev/null || echo none >> /out\n",
         {"s.txt": "hidden\n"}, flags=("--secret", "id=s,src=s.txt"), proof="buildkit"),
    Case("run-network", "FROM box\nRUN --network=none ls /sys/class/net > /out\n", proof="reference"),
    Case("heredoc-run", "FROM box\nRUN <<EOF\necho one > /out\necho $HOME >> /out\nEOF\nRUN <<-'X' cat >> /out\n\tq $HOME\n\tX\n"
         "RUN cat <<A >> /out && cat <<B >> /out\n1\nA\n2\nB\nRUN <<EOF\n#!/bin/sh -e\n"
         "echo $0 > /script\nEOF\n", proof="reference"),
    Case("heredoc-copy", "FROM box\nENV N=name\nCOPY <<one <<\"two\" /d/\nhello $N \"q\"\none\nhello $N\ntwo\n"
         "COPY <<-x /e\n\ttab\n\tx\n", proof="reference"),
    Case("copy-link", "FROM box\nCOPY --link a.txt /x/\nCOPY --link --chown=3:4 d /y/\n", TREE, proof="reference"),
    Case("copy-parents", "FROM box\nCOPY --parents d/one d/deep/three /x/\nCOPY --parents ./d/./deep/three /y/\n", TREE,
         proof="reference"),
    Case("copy-exclude", "FROM box\nCOPY --exclude=*.txt --exclude=d/deep . /x/\n", TREE, proof="reference"),
    Case("expansion-of-today", "FROM box\nARG P=/usr/lib/x.tar.gz\nENV A=${P##*/} B=${P%%.*} C=${P/lib/LIB} D=${P//\\//-} "
         "E=${N-d} F=${P:+y}\n", proof="reference"),
    Case("stages-nobody-needs-are-skipped", "FROM box AS bad\nRUN exit 1\nFROM box\nRUN echo ok > /out\n",
         proof="reference"),
)  # fmt: skip
