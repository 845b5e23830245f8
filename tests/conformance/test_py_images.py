"""docker-py: images, and events of every kind."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
from docker.errors import APIError, BuildError, ImageLoadError, ImageNotFound

from testbed.engine import Engine, until

pytestmark = [pytest.mark.root, pytest.mark.clients]


def build(client: Any, dockerfile: str, **options: Any) -> Any:
    return client.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True, forcerm=True, **options)[0]


def context(**files: str) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer


@pytest.fixture(autouse=True)
def _images_are_as_before(client: Any) -> Iterator[None]:
    before = {image.id: image.tags for image in client.images.list(all=True)}
    yield
    for container in client.containers.list(all=True):
        container.remove(force=True)
    for image in client.images.list():
        for tag in set(image.tags) - set(before.get(image.id, ())):
            client.images.remove(tag, force=True)
    client.images.prune(filters={"dangling": True})
    assert {image.id: image.tags for image in client.images.list()}.keys() <= before.keys()


def test_build_from_a_file_alone_and_by_label_argument_and_target(client: Any) -> None:
    text = "FROM box AS one\nARG V=1\nRUN echo $V > /v\nFROM one AS two\nRUN echo two > /v\n"
    image = build(client, text, tag="made:1", buildargs={"V": "7"}, labels={"a": "b"}, target="one")
    assert image.labels["a"] == "b"
    assert client.containers.run("made:1", "cat /v", remove=True) == b"7\n"


def test_build_from_a_context_and_its_log(client: Any) -> None:
    files = context(Dockerfile="FROM box\nCOPY file /got\nCMD cat /got\n", file="content\n")
    image, log = client.images.build(fileobj=files, custom_context=True, tag="made:1")
    said = "".join(entry.get("stream", "") for entry in log)
    assert said.startswith("Step 1/3 : FROM box")
    assert "Successfully tagged made:1" in said
    assert client.containers.run(image.id, remove=True) == b"content\n"


@pytest.mark.parametrize(
    ("dockerfile", "text"),
    [
        ("FROM box\nRUN exit 3\n", "returned a non-zero code: 3"),
        ("FROM box\nCOPY nosuch /x\n", "(?i)nosuch"),
        ("FROM box\nNOSUCH x\n", "(?i)unknown instruction: NOSUCH"),
        ("", "(?i)cannot be empty"),
    ],
    ids=["command", "copy", "instruction", "empty"],
)
def test_a_build_that_fails_says_why(client: Any, dockerfile: str, text: str) -> None:
    with pytest.raises((BuildError, APIError), match=text):
        client.images.build(fileobj=context(Dockerfile=dockerfile), custom_context=True, tag="made:1")


def test_tags_come_and_go_and_the_last_takes_the_image(client: Any) -> None:
    image = build(client, "FROM box\nLABEL of=tags\n", tag="made:1")
    assert image.tag("other/name", "2")
    image.reload()
    assert sorted(image.tags) == ["made:1", "other/name:2"]
    client.images.remove("made:1")
    client.images.remove("other/name:2")
    with pytest.raises(ImageNotFound, match=r"(?i)no such image"):
        client.images.get(image.id)


@pytest.mark.parametrize("name", ["UPPER", "a b", "x:y:z"])
def test_a_wrong_name_for_a_tag(client: Any, shared_engine: Engine, name: str) -> None:
    with pytest.raises(APIError, match=r"(?i)invalid|must be lowercase") as refused:
        client.api.tag("box", name)
    assert refused.value.status_code == 400 or not shared_engine.ours  # older engines say 500


def test_an_image_in_use_stays(client: Any) -> None:
    image = build(client, "FROM box\nLABEL of=use\n", tag="made:1")
    it = client.containers.run("made:1", "sleep 60", detach=True, name="it")
    with pytest.raises(APIError, match=r"(?i)conflict: unable to delete|conflict: unable to remove") as refused:
        client.images.remove(image.id)
    assert refused.value.status_code == 409
    it.remove(force=True)
    client.images.remove(image.id)


def test_inspect_of_an_image(client: Any) -> None:
    text = 'FROM box\nENV A=b\nEXPOSE 80/tcp\nVOLUME /v\nWORKDIR /w\nUSER 5\nENTRYPOINT ["a"]\nCMD ["b"]\n'
    text += "STOPSIGNAL SIGINT\n"
    attrs = build(client, text, tag="made:1").attrs
    config = attrs["Config"]
    assert "A=b" in config["Env"]
    assert (config["ExposedPorts"], config["Volumes"], config["WorkingDir"]) == ({"80/tcp": {}}, {"/v": {}}, "/w")
    assert (config["User"], config["Entrypoint"], config["Cmd"], config["StopSignal"]) == ("5", ["a"], ["b"], "SIGINT")
    assert (attrs["Os"], attrs["RepoTags"], attrs["RootFS"]["Type"]) == ("linux", ["made:1"], "layers")
    assert attrs["Size"] > 0


def test_history_goes_back_to_the_first_layer(client: Any) -> None:
    image = build(client, "FROM box\nRUN echo x > /x\nCMD true\n", tag="made:1")
    history = image.history()
    assert history[0]["Id"] == image.id
    assert "CMD" in history[0]["CreatedBy"]
    assert "echo x" in history[1]["CreatedBy"]
    assert history[0]["Tags"] == ["made:1"]


def test_save_and_load_bring_it_back(client: Any) -> None:
    image = build(client, "FROM box\nRUN echo saved > /x\n", tag="made:1")
    archive = b"".join(image.save(named=True))
    client.images.remove("made:1")
    loaded = client.images.load(archive)
    assert [(one.id, one.tags) for one in loaded] == [(image.id, ["made:1"])]
    assert client.containers.run("made:1", "cat /x", remove=True) == b"saved\n"


def test_an_archive_that_is_none(client: Any) -> None:
    with pytest.raises((APIError, ImageLoadError)):
        client.images.load(b"this is no archive")


def test_import_of_a_root_file_system(client: Any) -> None:
    client.api.import_image_from_data(context(hello="hi").read(), repository="made", tag="1")
    assert client.images.get("made:1").attrs["RootFS"]["Layers"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"reference": "made:*"}, ["made:1"]), ({"reference": "m*"}, ["made:1"]), ({"label": "of=list"}, ["made:1"]),
        ({"label": "of=other"}, []), ({"dangling": "true"}, []), ({"since": "box"}, ["made:1", "training"]),
    ],
    ids=str,
)  # fmt: skip
def test_images_by_filter(client: Any, filters: dict[str, str], expected: list[str]) -> None:
    build(client, "FROM box\nLABEL of=list\nRUN true\n", tag="made:1")
    tags = [tag for image in client.images.list(filters=filters) for tag in image.tags]
    assert sorted({tag.split("/")[0] for tag in tags}) == expected


def test_a_dangling_image_is_pruned(client: Any) -> None:
    first = build(client, "FROM box\nLABEL n=1\n", tag="made:1")
    build(client, "FROM box\nLABEL n=2\n", tag="made:1")
    assert first.id in [image.id for image in client.images.list(filters={"dangling": True})]
    pruned = client.images.prune(filters={"dangling": True})
    assert first.id in [entry.get("Deleted") for entry in pruned["ImagesDeleted"]]


def test_remove_says_what_it_did(client: Any) -> None:
    image = build(client, "FROM box\nLABEL n=3\n", tag="made:1")
    said = client.api.remove_image("made:1")
    assert {"Untagged": "made:1"} in said
    assert {"Deleted": image.id} in said
    with pytest.raises(ImageNotFound):
        client.api.remove_image("made:1")


def test_a_registry_that_is_not_there_is_told(client: Any) -> None:
    with pytest.raises((APIError, ImageNotFound)):
        client.images.pull("127.0.0.1:1/nosuch", tag="1")


# --- events -------------------------------------------------------------------------------------------------------


def told(client: Any, since: float, **filters: Any) -> list[str]:
    stream = client.events(since=int(since), until=int(time.time()) + 1, decode=True, filters=filters)
    return [f"{event['Type']} {event['Action']}" for event in stream]


def test_events_of_a_container_and_its_network(client: Any) -> None:
    began = time.time()
    it = client.containers.run("box", "sleep 60", detach=True, name="it", labels={"a": "b"})
    it.pause()
    it.unpause()
    it.exec_run("true")
    it.rename("other")
    it.restart(timeout=0)
    it.kill()
    it.wait()
    it.remove()
    actions = [entry.split(": ")[0] for entry in told(client, began, container=it.id)]
    expected = """create start pause unpause exec_create exec_start exec_die rename kill kill die stop start restart
        kill die destroy"""
    assert [action.removeprefix("container ") for action in actions] == expected.split()
    assert "network connect" in told(client, began, type="network")


def test_an_event_has_the_members_of_old_and_new(client: Any) -> None:
    began = time.time()
    it = client.containers.create("box", "true", name="it", labels={"a": "b"})
    stream = client.events(since=int(began), until=int(time.time()) + 1, decode=True, filters={"container": it.id})
    event = next(iter(stream))
    assert (event["Type"], event["Action"], event["scope"]) == ("container", "create", "local")
    assert event["Actor"]["ID"] == it.id
    assert event["Actor"]["Attributes"] == {"a": "b", "image": "box", "name": "it"}
    assert event["timeNano"] // 10**9 == event["time"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"type": "volume"}, {"volume create", "volume destroy"}),
        ({"type": "network", "event": ["create", "destroy"]}, {"network create", "network destroy"}),
        ({"event": "die"}, {"container die"}),
        ({"label": "a=b", "event": "create"}, {"container create"}),
        ({"image": "box", "event": "start"}, {"container start"}),
        ({"type": "image"}, {"image tag", "image untag"}),
        ({"container": "nobody"}, set()),
    ],
    ids=str,
)
def test_events_by_filter(client: Any, filters: dict[str, Any], expected: set[str]) -> None:
    time.sleep(1.1)  # `since` counts in seconds: what was before must be in another one
    began = time.time()
    client.containers.run("box", "true", name="it", labels={"a": "b"}, remove=True)
    client.volumes.create("v1").remove()
    client.networks.create("n1").remove()
    client.images.get("box").tag("made", "1")
    client.images.remove("made:1")
    assert set(told(client, began, **filters)) == expected


def test_events_arrive_while_they_happen(client: Any) -> None:
    stream = client.events(decode=True, filters={"type": "volume"})
    client.volumes.create("v1")
    assert next(stream)["Actor"]["ID"] == "v1"
    stream.close()


def test_a_health_event_comes_with_its_state(client: Any) -> None:
    began = time.time()
    check = {"test": ["CMD", "true"], "interval": 100_000_000}
    it = client.containers.run("box", "sleep 60", detach=True, name="it", healthcheck=check)
    until(lambda: "container health_status: healthy" in told(client, began, container=it.id), timeout_s=20)
