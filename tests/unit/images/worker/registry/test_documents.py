from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.images.worker.registry import documents
from fairlead.images.worker.registry.documents import Descriptor, Platform
from fairlead.images.worker.registry.failure import Failure

AMD64 = Platform("linux", "amd64")
DIGESTS = [f"sha256:{digit * 64}" for digit in "0123456789abcdef"]


def entry(number: int, platform: dict[str, str], **more: Any) -> dict[str, Any]:
    media_type = documents.OCI_MANIFEST
    return {"mediaType": media_type, "digest": DIGESTS[number], "size": 5, "platform": platform, **more}


def index(*platforms: dict[str, str]) -> dict[str, Any]:
    return {"manifests": [entry(number, platform) for number, platform in enumerate(platforms)]}


LINUX = {"os": "linux"}


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Platform("linux", "amd64"), 1),
        (Platform("linux", "arm64"), 2),
        (Platform("linux", "arm64", "v8"), 2),
        (Platform("linux", "arm", "v7"), 4),
        (Platform("linux", "arm", "v6"), 3),
        (Platform("linux", "arm"), 4),
    ],
)
def test_index_gives_what_fits_best(wanted: Platform, chosen: int) -> None:
    listed = index(
        {"os": "unknown", "architecture": "unknown"},
        {**LINUX, "architecture": "amd64"},
        {**LINUX, "architecture": "arm64", "variant": "v8"},
        {**LINUX, "architecture": "arm", "variant": "v6"},
        {**LINUX, "architecture": "arm", "variant": "v7"},
    )
    assert documents.choose(listed, wanted).digest == DIGESTS[chosen]


def test_index_without_the_platform_says_so_in_dockers_words() -> None:
    with pytest.raises(Failure, match="no matching manifest for linux/amd64 in the manifest list entries"):
        documents.choose(index({**LINUX, "architecture": "s390x"}), AMD64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", AMD64),
        ("linux", AMD64),
        ("arm64", Platform("linux", "arm64")),
        ("linux/aarch64", Platform("linux", "arm64")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("Linux/ARM/v7", Platform("linux", "arm", "v7")),
    ],
)
def test_platform_is_read_in_all_its_forms(text: str, expected: Platform) -> None:
    assert documents.parse_platform(text, AMD64) == expected


@pytest.mark.parametrize("text", ["a/b/c/d", "linux//", "lin ux/amd64", "nonsense"])
def test_platform_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid argument"):
        documents.parse_platform(text, AMD64)


DOCKER_LAYER, OCI_LAYER = "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar"


@pytest.mark.parametrize(
    ("given", "oci", "media_type", "expected"),
    [
        (f"{DOCKER_LAYER}.gzip", False, documents.DOCKER_MANIFEST, f"{DOCKER_LAYER}.gzip"),
        (f"{OCI_LAYER}+gzip", False, documents.DOCKER_MANIFEST, f"{DOCKER_LAYER}.gzip"),
        (OCI_LAYER, False, documents.DOCKER_MANIFEST, DOCKER_LAYER),
        (f"{DOCKER_LAYER}.gzip", True, documents.OCI_MANIFEST, f"{OCI_LAYER}+gzip"),
        (DOCKER_LAYER, True, documents.OCI_MANIFEST, OCI_LAYER),
        (f"{OCI_LAYER}+zstd", False, documents.OCI_MANIFEST, f"{OCI_LAYER}+zstd"),
    ],
)
def test_manifest_we_push_is_one_that_we_take(given: str, oci: bool, media_type: str, expected: str) -> None:
    data, written = documents.render_manifest(Descriptor(DIGESTS[0], 3), [Descriptor(DIGESTS[1], 7, given)], oci=oci)
    document, read = documents.kind(data, written)
    assert (read, written) == (media_type, media_type)
    assert documents.parse_manifest(document).layers == (Descriptor(DIGESTS[1], 7, expected),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"urls": ["https://elsewhere"]}, "fetched from elsewhere"),
        ({"digest": "md5:00"}, "names no digest that we check"),
        ({"digest": DIGESTS[0] + "\n"}, "names no digest that we check"),
        ({"size": -1}, "has no size"),
        ({"size": True}, "has no size"),
        ({"size": "5"}, "has no size"),
        ({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}, "of a kind that is not taken"),
        ({"mediaType": "application/vnd.cncf.helm.chart.content.v1"}, "of a kind that is not taken"),
    ],
)
def test_layer_that_is_none_is_refused(change: dict[str, Any], said: str) -> None:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGESTS[0], "size": 2}
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": DIGESTS[1], "size": 5, **change}
    with pytest.raises(Failure, match=said):
        documents.parse_manifest({"config": config, "layers": [layer]})


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{", b"<html>", b"[" * 100_000])
def test_text_that_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(Failure, match="error parsing HTTP 200 response body"):
        documents.kind(text, documents.OCI_MANIFEST)


def test_schema_1_is_refused_by_name() -> None:
    with pytest.raises(Failure, match="schema 1"):
        documents.kind(json.dumps({"schemaVersion": 1}).encode(), documents.SCHEMA_1[1])
