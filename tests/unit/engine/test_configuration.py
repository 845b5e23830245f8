from __future__ import annotations

import pytest

from fairlead.engine import configuration
from fairlead.errors import InvalidParameter
from fairlead.model.container import Config, HealthConfig, Port

IMAGE = Config(
    cmd=("serve",),
    entrypoint=("/init",),
    env=("A=image", "B=image"),
    exposed_ports=frozenset({Port(80)}),
    user="nobody",
    working_dir="/srv",
    labels={"a": "image", "b": "image"},
    volumes=("/data",),
    stop_signal="SIGINT",
    health=HealthConfig(test=("CMD", "true"), retries=2),
)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (Config(), ("/init", "serve")),
        (Config(cmd=("x",)), ("/init", "x")),
        (Config(entrypoint=("e",)), ("e",)),
        (Config(entrypoint=("e",), cmd=("x",)), ("e", "x")),
        (Config(entrypoint=("",), cmd=("x",)), ("x",)),
    ],
    ids=["image's own", "command", "entry point drops the image's command", "both", "entry point reset"],
)
def test_command(user: Config, words: tuple[str, ...]) -> None:
    path, args = configuration.command(configuration.merge(user, IMAGE))
    assert (path, *args) == words


def test_nothing_to_run() -> None:
    with pytest.raises(InvalidParameter, match="no command specified"):
        configuration.command(configuration.merge(Config(), Config()))


def test_the_user_wins_and_the_image_fills_in() -> None:
    ports, health = frozenset({Port(90)}), HealthConfig(retries=5)
    user = Config(env=("A=user",), labels={"a": "user"}, exposed_ports=ports, health=health)
    merged = configuration.merge(user, IMAGE)
    assert merged.env == ("A=user", "B=image")
    assert merged.labels == {"a": "user", "b": "image"}
    assert merged.exposed_ports == {Port(80), Port(90)}
    assert (merged.user, merged.working_dir) == ("nobody", "/srv")
    assert (merged.volumes, merged.stop_signal) == (("/data",), "SIGINT")
    assert merged.health == HealthConfig(test=("CMD", "true"), retries=5)


@pytest.mark.parametrize(("mode", "own"), [("bridge", False), ("none", False), ("container:x", False), ("mine", True)])
def test_user_defined_networks(mode: str, own: bool) -> None:
    assert configuration.is_user_defined(mode) is own
