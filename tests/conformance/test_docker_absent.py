"""What this engine has not: Docker's own client is told so, in the words of an engine that is no swarm manager."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, NotFound

from testbed.engine import Client, Engine

pytestmark = [pytest.mark.root, pytest.mark.clients]

NO_MANAGER = "This node is not a swarm manager."
REFUSED = [
    ("swarm ca", NO_MANAGER),
    ("swarm join-token worker", NO_MANAGER),
    ("swarm unlock-key", NO_MANAGER),
    ("swarm update --task-history-limit 3", NO_MANAGER),
    ("swarm leave", "This node is not part of a swarm"),
    ("swarm leave --force", "This node is not part of a swarm"),
    ("node ls", NO_MANAGER),
    ("node inspect one", NO_MANAGER),
    ("node update --availability drain one", NO_MANAGER),
    ("node rm one", NO_MANAGER),
    ("service ls", NO_MANAGER),
    ("service create --detach box", NO_MANAGER),
    ("service inspect one", NO_MANAGER),
    ("service logs one", NO_MANAGER),
    ("service ps one", NO_MANAGER),
    ("service scale --detach one=2", NO_MANAGER),
    ("service rm one", NO_MANAGER),
    ("secret ls", NO_MANAGER),
    ("secret create one -", NO_MANAGER),
    ("secret inspect one", NO_MANAGER),
    ("secret rm one", NO_MANAGER),
    ("config ls", NO_MANAGER),
    ("config create one -", NO_MANAGER),
    ("config inspect one", NO_MANAGER),
    ("config rm one", NO_MANAGER),
    ("plugin inspect one", 'plugin "one" not found'),
    ("plugin enable one", 'plugin "one" not found'),
    ("plugin disable one", 'plugin "one" not found'),
    ("plugin set one A=b", 'plugin "one" not found'),
    ("plugin rm one", 'plugin "one" not found'),
]
OURS = [
    ("swarm init", "swarm mode is not supported by this engine"),
    ("swarm join --token SWMTKN-1-x 127.0.0.1:2377", "swarm mode is not supported by this engine"),
    ("plugin install --grant-all-permissions one", "plugins are not supported by this engine"),
]


@pytest.mark.parametrize(("words", "text"), REFUSED, ids=[words for words, _ in REFUSED])
def test_a_verb_of_what_is_not_there_says_so(cli: Client, words: str, text: str) -> None:
    result = cli.attempt(*words.split(), stdin="content" if words.endswith("-") else None)
    assert (result.code, text in result.err) == (1, True), result


@pytest.mark.parametrize(("words", "text"), OURS, ids=[words for words, _ in OURS])
def test_a_verb_that_would_make_it_is_refused(cli: Client, shared_engine: Engine, words: str, text: str) -> None:
    if not shared_engine.ours:
        pytest.skip("Docker does it")
    result = cli.attempt(*words.split())
    assert (result.code, text in result.err) == (1, True), result


def test_a_list_of_plugins_is_empty_and_info_knows_no_swarm(cli: Client) -> None:
    assert cli.do("plugin", "ls", "-q") == ""
    assert cli.do("info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"


def test_a_plugin_cannot_be_made(cli: Client, shared_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"description": "x", "entrypoint": ["/x"], "interface": {}}))
    if shared_engine.ours:
        assert "plugins are not supported by this engine" in cli.attempt("plugin", "create", "one", str(tmp_path)).err


def test_buildkit_is_refused_cleanly(cli: Client, shared_engine: Engine) -> None:
    if shared_engine.ours:
        for path in ("/session", "/grpc"):
            status, body = shared_engine.api("POST", path)
            assert (status, "not supported" in json.loads(body)["message"]) == (501, True)
    assert cli.attempt("builder", "prune", "-f").code == 0


def test_registries_that_are_not_there(cli: Client, client: Any) -> None:
    nobody = "127.0.0.1:1"
    assert "connection refused" in cli.attempt("login", "-u", "a", "-p", "b", nobody).err
    assert "connection refused" in cli.attempt("search", f"{nobody}/x").err
    cli.do("tag", "box", f"{nobody}/x")
    assert "connection refused" in cli.attempt("push", f"{nobody}/x").err
    cli.do("rmi", f"{nobody}/x")
    with pytest.raises((APIError, NotFound), match="connection refused"):
        client.images.get_registry_data(f"{nobody}/x")
