"""Our verbs and flags are docker's. What docker has is in docker_verbs.json, made of its own help texts by
scripts/docker-verbs; what we leave out is here, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.cli import client, flags, main

DOCKERS: dict[str, dict[str, list[str]]] = json.loads((Path(__file__).parent / "docker_verbs.json").read_text())

NOT_HERE = {
    "checkpoint": "docker has it on experimental daemons alone",
    "config": "swarm",
    "context": "the address of the one daemon is in -H, FAIRLEAD_HOST or DOCKER_HOST",
    "manifest": "works on registries without an engine: skopeo and crane do that",
    "node": "swarm",
    "plugin": "no plugins",
    "secret": "swarm",
    "service": "swarm",
    "stack": "swarm",
    "swarm": "swarm",
    "trust": "Docker Content Trust, retired by Docker itself",
    "volume update": "cluster volumes: swarm",
}
FLAGS_NOT_HERE = {
    "": {
        "tls": "the client speaks over unix sockets alone", "tlscacert": "as tls", "tlscert": "as tls",
        "tlskey": "as tls", "tlsverify": "as tls",
    },
    "volume create": dict.fromkeys(
        ("availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing",
         "topology-preferred", "topology-required", "type"), "cluster volumes: swarm",
    ),
    "volume ls": {"cluster": "cluster volumes: swarm"}, "volume list": {"cluster": "cluster volumes: swarm"},
}  # fmt: skip
BY_THE_PARSER = ("help",)


def _present() -> list[str]:
    return [verb for verb in DOCKERS if not any(verb == out or verb.startswith(f"{out} ") for out in NOT_HERE)]


def _verb(path: str) -> flags.Verb:
    if not path:
        return main.GLOBAL
    target, _, _ = main._find(path.split())
    assert target is not None, f"no such verb: {path}"
    with pytest.raises(flags.Help) as asked:
        main.load(target)(client.Client(""), ["--help"])
    return asked.value.verb


@pytest.mark.parametrize("path", _present())
def test_every_flag_of_docker_is_there_with_its_letter_and_kind(path: str) -> None:
    if path in main.NOUNS:
        return  # it has verbs, not flags: each is a case of its own
    ours = {flag.name: flag for flag in _verb(path).flags}
    left_out = FLAGS_NOT_HERE.get(path, {})
    wanted = {name: value for name, value in DOCKERS[path].items() if name not in {*left_out, *BY_THE_PARSER}}
    found = {
        name: [ours[name].short, "" if ours[name].kind == "bool" else ours[name].word]
        for name in wanted
        if name in ours
    }
    assert found == wanted


def test_every_noun_of_docker_is_one_here() -> None:
    nouns = {path.split()[0] for path in _present() if " " in path}
    assert nouns <= set(main.NOUNS)


def test_what_is_left_out_is_left_out() -> None:
    """An entry above that is no longer true has to go."""
    assert {out for out in NOT_HERE if main._find(out.split())[0] or out in main.NOUNS} == set()
    for path, names in FLAGS_NOT_HERE.items():
        assert not {flag.name for flag in _verb(path).flags} & set(names)


def test_a_flag_of_several_values_takes_them_with_commas_where_docker_does() -> None:
    verb = flags.Verb("x", "", (0, 0), flags.items("subnet", word="strings"), flags.items("label"))
    options = flags.parse(verb, ["--subnet", "a,b", "--subnet=c", "--label", "a,b"])
    assert (options["subnet"], options["label"]) == (["a", "b", "c"], ["a,b"])


@pytest.mark.parametrize(
    ("line", "target", "path"),
    [
        ("port add web 8080:80", "publish:add", "port add"),
        ("container port rm web 80", "publish:remove", "container port rm"),
        ("port add web", "publish:add", "port add"),
        ("port rm --help", "publish:remove", "port rm"),
        ("port add", "look:port", "port"),
        ("port add 80/tcp", "look:port", "port"),
        ("port web 80", "look:port", "port"),
    ],
)
def test_our_verbs_below_port_leave_containers_of_their_names_alone(line: str, target: str, path: str) -> None:
    assert main._find(line.split())[:2] == (target, path)
