from __future__ import annotations

from dataclasses import replace

from fairlead.engine.foundations import Foundations
from fairlead.model.container import Config
from fairlead.model.image import Image
from fairlead.store.database import Database
from fairlead.store.images import ImageStore

IMAGE = Image(id="sha256:a", created=None, config=Config(), diff_ids=("sha256:d",), chain_ids=("sha256:c",))
LAYER = ("sha256:c", "sha256:d", "", "layer-c", 10)


def make(database: Database) -> tuple[Foundations, ImageStore]:
    store = ImageStore(database)
    store.put(IMAGE, [LAYER])
    store.reference("a:1", IMAGE.id)
    return Foundations(store), store


def test_deleted_image_is_let_go_with_the_last_of_its_containers(database: Database) -> None:
    foundations, _ = make(database)
    foundations.use(IMAGE.id)
    foundations.use(IMAGE.id)
    foundations.depart(IMAGE)
    assert [foundations.leave(IMAGE.id), foundations.leave(IMAGE.id)] == [False, True]


def test_image_that_is_not_deleted_is_never_let_go(database: Database) -> None:
    foundations, _ = make(database)
    foundations.use(IMAGE.id)
    assert foundations.bears(IMAGE.id)
    assert not foundations.leave(IMAGE.id)
    assert not foundations.bears(IMAGE.id)


def test_container_of_no_image_stands_upon_nothing(database: Database) -> None:
    foundations, _ = make(database)
    foundations.use("")
    assert not foundations.leave("")


def test_deleted_image_is_listed_no_more_but_keeps_its_layers_across_a_restart(database: Database) -> None:
    foundations, store = make(database)
    foundations.use(IMAGE.id)
    foundations.depart(IMAGE)
    assert store.load() == []
    assert store.collect(()) == {}

    after = Foundations(store)
    assert after.departed(IMAGE.id) == replace(IMAGE, references=())
    assert list(after.abandoned()) == [IMAGE.id]
    after.use(IMAGE.id)
    assert list(after.abandoned()) == []
    assert store.remove(IMAGE.id) == {"sha256:c": "layer-c"}


def test_deleted_image_that_comes_again_is_an_image_again(database: Database) -> None:
    foundations, store = make(database)
    foundations.use(IMAGE.id)
    foundations.depart(IMAGE)
    store.put(IMAGE)
    foundations.forget(IMAGE.id)
    assert [image.id for image in store.load()] == [IMAGE.id]
    assert not foundations.leave(IMAGE.id)
    assert store.departed() == []
