"""The filters of `docker images`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairlead.engine import imagelist
from fairlead.errors import InvalidParameter
from fairlead.model.container import Config
from fairlead.model.image import Image

NOW = datetime.now(UTC)


def image(letter: str, *names: str, hours: float = 1, parent: str = "", labels: dict[str, str] | None = None) -> Image:
    return Image(
        id=letter,
        created=NOW - timedelta(hours=hours),
        config=Config(labels=labels or {}),
        parent=parent,
        references=tuple(name for name in names if "@" not in name),
        digests=tuple(name for name in names if "@" in name),
    )


DIGEST = "sha256:" + "d" * 64
IMAGES = [
    image("a", "box:1", "box:2", "far.test/team/box:1", hours=5, labels={"tier": "web", "x": ""}),
    image("b", hours=4, parent="a"),
    image("c", "team/app:latest", hours=3, parent="b"),
    image("d", f"gone@{DIGEST}", hours=2),
    image("e", hours=1, labels={"tier": "db"}),
]


def listed(filters: dict[str, list[str]], *, every: bool = False) -> list[str]:
    by_name = {name: found for found in IMAGES for name in (*found.references, found.id)}
    return [found.id for found in imagelist.choose(IMAGES, filters, by_name.__getitem__, every=every)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "edca"),
        ({"dangling": ["true"]}, "ed"),
        ({"dangling": ["1"]}, "ed"),
        ({"dangling": ["false"]}, "dca"),
        ({"reference": ["box"]}, "a"),
        ({"reference": ["b*"]}, "a"),
        ({"reference": ["*box*"]}, "a"),
        ({"reference": ["*/*"]}, "c"),
        ({"reference": ["*/*/box:1"]}, "a"),
        ({"reference": ["*:latest"]}, ""),
        ({"reference": ["*/*:latest", "gone"]}, "dc"),
        ({"reference": ["bo?:[0-1]"]}, "a"),
        ({"before": ["c"]}, "a"),
        ({"since": ["c"]}, "ed"),
        ({"since": ["a", "d"]}, "e"),
        ({"before": ["d", "c"]}, "a"),
        ({"until": ["150m"]}, "ca"),
        ({"label": ["tier"]}, "ea"),
        ({"label": ["tier=web", "x"]}, "a"),
    ],
)
def test_filter_takes_what_docker_takes(filters: dict[str, list[str]], expected: str) -> None:
    assert "".join(listed(filters)) == expected


def test_intermediate_images_are_shown_on_demand_only() -> None:
    assert listed({}, every=True) == ["e", "d", "c", "b", "a"]
    assert listed({"dangling": ["true"]}, every=True) == ["e", "d"]


def test_names_that_were_not_asked_for_are_left_out() -> None:
    [found] = imagelist.choose(IMAGES, {"reference": ["box:2"]}, _nobody, every=False)
    assert found.references == ("box:2",)


def _nobody(ref: str) -> Image:
    raise AssertionError(ref)


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"dangling": ["perhaps"]}, "invalid filter 'dangling=[perhaps]'"),
        ({"size": ["1"]}, "invalid filter 'size'"),
        ({"reference": ["[a"]}, "syntax error in pattern"),
        ({"reference": ["[z-a]"]}, "syntax error in pattern"),
        ({"until": ["soon"]}, 'failed to parse value as time or duration: "soon"'),
    ],
)
def test_wrong_filters_are_refused(filters: dict[str, list[str]], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        listed(filters)
    assert str(caught.value) == text
