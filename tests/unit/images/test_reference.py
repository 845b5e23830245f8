"""Names of images, as Docker reads and refuses them."""

from __future__ import annotations

import pytest

from fairlead.errors import InvalidParameter
from fairlead.images import reference

DIGEST = "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("ubuntu", "docker.io/library/ubuntu", "ubuntu"),
        ("ubuntu:22.04", "docker.io/library/ubuntu:22.04", "ubuntu:22.04"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu", "ubuntu"),
        ("index.docker.io/library/ubuntu", "docker.io/library/ubuntu", "ubuntu"),
        ("me/app", "docker.io/me/app", "me/app"),
        ("localhost/x", "localhost/x", "localhost/x"),
        ("localhost:5000/x", "localhost:5000/x", "localhost:5000/x"),
        ("Host/x", "Host/x", "Host/x"),
        ("q.w:5/e/r:t", "q.w:5/e/r:t", "q.w:5/e/r:t"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("a--b/c__d.e", "docker.io/a--b/c__d.e", "a--b/c__d.e"),
        (f"x@{DIGEST}", f"docker.io/library/x@{DIGEST}", f"x@{DIGEST}"),
        (f"x:1@{DIGEST}", f"docker.io/library/x:1@{DIGEST}", f"x:1@{DIGEST}"),
        ("a" * 247, f"docker.io/library/{'a' * 247}", "a" * 247),
        ("x:" + "t" * 128, "docker.io/library/x:" + "t" * 128, "x:" + "t" * 128),
    ],
)  # fmt: skip
def test_a_name_in_full_and_as_users_see_it(text: str, canonical: str, familiar: str) -> None:
    found = reference.parse(text)
    assert (found.canonical, str(found)) == (canonical, familiar)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase"),
        ("h.x/UPPER", "invalid reference format: repository name (h.x/UPPER) must be lowercase"),
        ("a" * 256, "repository name must not be more than 255 characters"),
        ("localhost:5000/" + "a" * 256, "repository name must not be more than 255 characters"),
        *[(text, "invalid reference format") for text in (
            "", "x:", "x:-a", "x y", "-x", "a//b", "/a", "a/", "a___b", "a._b", "x@sha256:123", f"x@{DIGEST}:tag",
            "x:" + "t" * 129, "x\n", "x:1\n", "..", "a/../b")],
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_dockers_words(text: str, complaint: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        reference.parse(text)
    assert refused.value.message == complaint
