"""Images for this machine and for others."""

from __future__ import annotations

import pytest

from fairlead.engine import platform
from fairlead.errors import InvalidParameter, NotFound
from fairlead.model.container import Config
from fairlead.model.image import Image

FOREIGN = Image(id="sha256:0", created=None, config=Config(), architecture="s390x")
NATIVE = Image(id="sha256:1", created=None, config=Config(), architecture=platform.here())


def test_an_image_for_this_machine_passes() -> None:
    assert platform.check(NATIVE, "x", "") == []
    assert platform.check(NATIVE, "x", f"linux/{platform.here()}") == []
    assert platform.check(FOREIGN, "x", "linux/s390x") == []


def test_another_platform_is_remarked_or_not_found() -> None:
    (warning,) = platform.check(FOREIGN, "x", "")
    assert warning.startswith("The requested image's platform (linux/s390x) does not match the detected host platform")
    with pytest.raises(NotFound) as missing:
        platform.check(FOREIGN, "x", "linux/arm64")
    assert missing.value.message == (
        "image with reference x was found but its platform (linux/s390x) does not match the specified platform "
        "(linux/arm64)"
    )


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("linux", ("linux", "")), ("aarch64", ("", "arm64")), ("linux/x86_64", ("linux", "amd64")),
     ("linux/arm/v7", ("linux", "arm"))],
)  # fmt: skip
def test_platforms_as_they_are_written(text: str, parsed: tuple[str, str]) -> None:
    assert platform.parse(text) == parsed


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux/", "li nux"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidParameter):
        platform.parse(text)
