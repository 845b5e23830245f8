"""What a build sends: .dockerignore by docker's rules, the stream a tar any reader takes."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from fairlead import patterns
from fairlead.cli import context

MATCHES = [
    (["*.log"], "x.log", True),
    (["*.log"], "a/x.log", False),
    (["**/*.log"], "a/b/x.log", True),
    (["**/*.log"], "x.log", True),
    (["node_modules"], "node_modules/x/y", True),
    (["a/b"], "a/bc", False),
    (["/a"], "a", True),
    (["./a/"], "a/f", True),
    (["a", "!a/keep"], "a/keep", False),
    (["a", "!a/keep", "a/keep"], "a/keep", True),
    (["a?c", "[xyz].txt"], "abc", True),
    (["[xyz].txt"], "y.txt", True),
    (["a/**/z"], "a/z", True),
    (["**"], "anything/at/all", True),
    (["# no", "", "  "], "# no", False),
    (["a.c"], "abc", False),
    (["\\*"], "*", True),
]


@pytest.mark.parametrize(("lines", "path", "left_out"), MATCHES)
def test_dockerignore(lines: list[str], path: str, left_out: bool) -> None:
    assert patterns.Patterns(patterns.read("\n".join(lines))).excludes(path) is left_out


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/b/f", "a/x.log", "a/keep.log", "docs/r.md", "docs/README.md", "node_modules/x", "Dockerfile"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "docs/link").symlink_to("../a")
    os.link(tmp_path / "a/b/f", tmp_path / "hard")
    return tmp_path


def read(sent: context.Context) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(b"".join(sent.chunks)))


def test_directory_without_what_is_ignored(tree: Path) -> None:
    (tree / ".dockerignore").write_text("**/*.log\n!a/keep.log\nnode_modules\ndocs/*\n!docs/README.md\nDockerfile\n")
    sent = context.from_directory(str(tree), "", io.BytesIO())
    with read(sent) as tar:
        assert tar.getnames() == [
            ".dockerignore", "Dockerfile", "a", "a/b", "a/b/f", "a/keep.log", "docs", "docs/README.md", "hard",
        ]  # fmt: skip
        assert (tar.getmember("a/b/f").uid, tar.getmember("a/b/f").gid) == (0, 0)
        assert tar.getmember("hard").islnk()
        assert tar.extractfile("a/keep.log").read() == b"a/keep.log"  # type: ignore[union-attr]
    assert sent.dockerfile == "Dockerfile"


def test_dockerfile_from_elsewhere_travels_under_a_name_of_its_own(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("other") / "Dockerfile.x"
    outside.write_text("FROM scratch")
    for sent in (
        context.from_directory(str(tree), str(outside), io.BytesIO()),
        context.from_directory(str(tree), "-", io.BytesIO(b"FROM scratch")),
    ):
        assert sent.dockerfile.startswith(".dockerfile.")
        with read(sent) as tar:
            assert tar.extractfile(sent.dockerfile).read() == b"FROM scratch"  # type: ignore[union-attr]


def test_stdin_is_a_tar_or_a_dockerfile(tree: Path) -> None:
    archive = b"".join(context.from_directory(str(tree), "", io.BytesIO()).chunks)
    again = context.from_stdin("", io.BytesIO(archive))
    assert b"".join(again.chunks) == archive
    with read(context.from_stdin("", io.BytesIO(b"FROM scratch\n"))) as tar:
        assert tar.getnames() == ["Dockerfile"]


def test_a_context_that_is_not_there(tree: Path) -> None:
    for directory, dockerfile, text in (
        (str(tree / "nodir"), "", 'path ".*nodir" not found'),
        (str(tree / "Dockerfile"), "", "context must be a directory"),
        (
            str(tree),
            str(tree / "nofile"),
            "unable to evaluate symlinks in Dockerfile path: lstat .*nofile: no such file",
        ),
    ):
        with pytest.raises(context.ContextError, match=text):
            context.from_directory(directory, dockerfile, io.BytesIO())


def test_a_file_that_shrinks_on_the_way_keeps_its_place(tree: Path) -> None:
    (tree / "big").write_bytes(b"x" * 200_000)
    chunks = context.from_directory(str(tree), "", io.BytesIO()).chunks
    sent = [next(chunks)]
    while not sent[-1].startswith(b"x" * 100):
        sent.append(next(chunks))
    os.truncate(tree / "big", 10)
    with tarfile.open(fileobj=io.BytesIO(b"".join([*sent, *chunks]))) as tar:
        assert tar.getmember("big").size == 200_000
        assert "node_modules/x" in tar.getnames()
