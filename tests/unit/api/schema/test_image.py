"""Images in Docker's JSON."""

from __future__ import annotations

from dataclasses import replace

from fairlead.api.schema import image as schema
from fairlead.model.image import HistoryEntry
from unit.api.fakes import EPOCH, IMAGE


def test_history_gives_layers_their_sizes_and_the_newest_entry_its_names() -> None:
    history = (
        HistoryEntry(created=EPOCH, created_by="ADD"),
        HistoryEntry(created=EPOCH, created_by="RUN"),
        HistoryEntry(created=EPOCH, created_by="CMD", empty_layer=True),
    )
    below = replace(IMAGE, id="sha256:" + "b" * 64, references=())
    rows = schema.render_history([replace(IMAGE, history=history), below], [100, 7])
    assert [(row["CreatedBy"], row["Size"]) for row in rows] == [("CMD", 0), ("RUN", 7), ("ADD", 100)]
    assert [row["Id"] for row in rows] == [IMAGE.id, below.id, "<missing>"]
    assert rows[0]["Tags"] == ["busybox:latest"]


def test_dangling_images_have_the_marks_that_old_clients_expect() -> None:
    dangling = replace(IMAGE, references=())
    assert schema.render_summary(dangling, (1, 42))["RepoTags"] == ["<none>:<none>"]
    assert schema.render_summary(dangling, (1, 43))["RepoTags"] == []
    assert "VirtualSize" in schema.render_summary(dangling, (1, 43))
    assert "VirtualSize" not in schema.render_summary(dangling, (1, 44))


def test_inspect_has_what_clients_read() -> None:
    value = schema.render_inspect(replace(IMAGE, config=replace(IMAGE.config, env=(), labels={})), (1, 44), {})
    assert (value["Config"]["Env"], value["Config"]["Labels"]) == (None, None)
    value = schema.render_inspect(IMAGE, (1, 50), {})
    assert value["RootFS"] == {"Type": "layers", "Layers": ["sha256:" + "2" * 64]}
    assert value["Config"]["Cmd"] == ["sh"]
    assert value["Created"] == "2026-01-02T03:04:05.6789Z"
