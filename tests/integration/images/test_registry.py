"""Images to and from Debian's docker-registry, with our client and with Docker's."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.images.stage import content, disk, import_image, noise
from testbed.engine import CLEAN_ENV, Client, Engine
from testbed.host import ADDRESS, Host
from testbed.registry import PASSWORD, USER, Registry, certificate, serve

pytestmark = pytest.mark.root
CLIENTS = pytest.mark.parametrize("program", ["fairlead", "docker"])


class Stage:
    """An engine, and registries of all kinds on its host's loopback."""

    def __init__(self, engine: Engine, stack: contextlib.ExitStack) -> None:
        self.engine = engine
        host, root = engine.host, engine.root
        certs = root / "certs.d"
        pair = certificate(root / "tls")
        self.plain = stack.enter_context(Registry(host, root, 5000))
        self.tls = stack.enter_context(Registry(host, root, 5001, tls=pair, basic=True))
        keys = root / "token"
        signing = certificate(keys, rsa=True)
        realm = stack.enter_context(
            serve(host, "tokenserver.py", str(signing[0]), str(signing[1]), USER, PASSWORD)
        )  # fmt: skip
        self.token = stack.enter_context(Registry(host, root, 5002, token=(f"http://{realm}/token", signing[0])))
        trusted = certs / self.tls.address
        trusted.mkdir(parents=True)
        (trusted / "ca.crt").write_bytes(pair[0].read_bytes())
        self.certs = certs

    def client(self, program: str) -> Client:
        client = self.engine.client(program)
        # Both keep credentials in the same file: of the test, never of whoever runs it.
        client.env = {**client.env, "DOCKER_CONFIG": str(self.engine.root / f"config-{program}")}
        return client


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    host = Host()
    engine = Engine(host, "--registry-timeout", "2", "--max-download-attempts", "3")
    engine.flags += ["--certs-dir", str(engine.root / "certs.d")]
    with contextlib.ExitStack() as stack:
        stack.enter_context(engine)
        engine.start()
        engine.do("image", "bootstrap", "box", "--busybox")
        yield Stage(engine, stack)


@CLIENTS
def test_what_is_pushed_is_pulled_by_tag_and_by_digest_and_runs(stage: Stage, program: str) -> None:
    client, name = stage.client(program), f"{stage.plain.address}/{program}/box"
    stage.engine.do("tag", "box", f"{name}:one")
    pushed = client.do("push", f"{name}:one")
    digest = pushed.split("digest: ")[1].split()[0]
    client.do("rmi", f"{name}:one")

    assert "Downloaded newer image" in client.do("pull", f"{name}:one")
    assert client.do("run", "--rm", f"{name}:one", "echo", "hello") == "hello"
    assert f"{name}@{digest}" in stage.engine.json("GET", f"/images/{name}:one/json")["RepoDigests"]

    client.do("rmi", f"{name}:one")
    assert f"{name}@{digest}: Pulling from {program}/box" in client.do("pull", f"{name}@{digest}")
    assert client.do("pull", "-q", f"{name}@{digest}") == f"{name}@{digest}"
    other = client.do("pull", "--platform", "linux/s390x", f"{name}@{digest}")
    assert "WARNING: image with reference" in other
    assert "does not match the specified platform (linux/s390x)" in other
    assert client.do("run", "--rm", f"{name}@{digest}", "echo", "again") == "again"
    client.do("rmi", f"{name}@{digest}")


@CLIENTS
def test_layers_are_asked_for_mounted_or_sent_whichever_is_least(stage: Stage, program: str) -> None:
    client, first = stage.client(program), f"{stage.plain.address}/{program}/first"
    second = f"{stage.plain.address}/{program}/second"
    import_image(stage.engine, f"{first}:a", {"file": noise(100_000, seed=len(program))})
    stage.engine.do("tag", f"{first}:a", f"{second}:a")

    assert ": Pushed" in client.do("push", f"{first}:a")
    assert "Layer already exists" in client.do("push", f"{first}:a")
    assert f"Mounted from {program}/first" in client.do("push", f"{second}:a")
    client.do("rmi", f"{first}:a", f"{second}:a")
    client.do("pull", f"{second}:a")
    assert content(stage.engine, f"{second}:a", "file") == noise(100_000, seed=len(program))
    client.do("rmi", f"{second}:a")


def test_a_terminal_shows_bars_and_everything_else_plain_lines(stage: Stage, tmp_path: Path) -> None:
    client, name = stage.client("fairlead"), f"{stage.plain.address}/terminal:a"
    import_image(stage.engine, name, {"file": noise(3_000_000, seed=7)})
    for words, bar, done in (
        (("push", name), "Pushing [", ": Pushed"), (("rmi", name), "", "Deleted"),
        (("pull", name), "Downloading [", ": Pull complete"),
    ):  # fmt: skip
        with client.terminal(*words) as terminal:
            assert terminal.wait() == 0
            assert done in terminal.seen
            assert bar in terminal.seen
            assert ("\x1b[1A" in terminal.seen) == bool(bar)
    archive = str(tmp_path / "a.tar")
    client.do("save", "-o", archive, name)
    with client.terminal("load", "-i", archive) as terminal:
        assert terminal.wait() == 0
        assert "Sending archive  [" in terminal.seen
        assert "Loaded image: " in terminal.seen
    client.do("rmi", name)
    plain = client.do("pull", name)
    assert "Pull complete" in plain
    assert not any(mark in plain for mark in ("\x1b", "[=", "\r"))
    client.do("rmi", name)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "plain"])
def test_image_of_others_keeps_its_digest_where_its_bytes_can_be_had(stage: Stage, compression: str) -> None:
    """In the same registry always; in another one if nothing has to be compressed again."""
    engine, server = stage.engine, stage.plain.address
    theirs, mine = f"{server}/others/{compression}:1", f"{server}/mine/{compression}:2"
    sender = [sys.executable, "-m", "testbed.sender", f"http://{server}", f"others/{compression}", "1", compression]
    digest = engine.host.here.run("env", f"PYTHONPATH={Path(__file__).parents[2]}", *sender).strip()

    engine.do("pull", theirs)
    engine.do("tag", theirs, mine)
    said = engine.do("push", mine)
    assert f"Mounted from others/{compression}" in said
    assert f"digest: {digest}" in said
    expected = {f"{name.rpartition(':')[0]}@{digest}" for name in (theirs, mine)}
    assert set(engine.json("GET", f"/images/{mine}/json")["RepoDigests"]) == expected

    with Registry(engine.host, engine.root, 5006) as elsewhere:
        engine.do("tag", mine, f"{elsewhere.address}/far:3")
        there = engine.do("push", f"{elsewhere.address}/far:3").split("digest: ")[1].split()[0]
        assert (there == digest) == (compression == "plain")
        found = engine.json("GET", f"/distribution/{elsewhere.address}/far:3/json")["Descriptor"]
        assert (found["digest"], found["mediaType"]) == (there, "application/vnd.oci.image.manifest.v1+json")
        engine.do("rmi", f"{elsewhere.address}/far:3", mine, theirs)
        engine.do("pull", f"{elsewhere.address}/far@{there}")
        assert content(engine, f"{elsewhere.address}/far@{there}", "file") == compression.encode() * 100_000
        engine.do("rmi", f"{elsewhere.address}/far@{there}")
    engine.do("pull", f"{server}/mine/{compression}@{digest}")
    engine.do("rmi", f"{server}/mine/{compression}@{digest}")


@CLIENTS
def test_all_tags_go_and_come_together(stage: Stage, program: str) -> None:
    client, name = stage.client(program), f"{stage.plain.address}/{program}/many"
    for tag in ("a", "b", "c"):
        stage.engine.do("tag", "box", f"{name}:{tag}")
    client.do("push", "-a", name)
    client.do("rmi", f"{name}:a", f"{name}:b", f"{name}:c")
    client.do("pull", "-a", name)
    listed = client.do("images", "--format", "{{.Tag}}", name)
    assert sorted(listed.split()) == ["a", "b", "c"]
    client.do("rmi", f"{name}:a", f"{name}:b", f"{name}:c")


@CLIENTS
def test_tls_with_a_private_authority_and_passwords(stage: Stage, program: str) -> None:
    client, server = stage.client(program), stage.tls.address
    name = f"{server}/{program}/box:one"
    stage.engine.do("tag", "box", name)
    assert "no basic auth credentials" in client.attempt("push", name).text

    wrong = client.attempt("login", "-u", USER, "--password-stdin", server, stdin="guess")
    assert wrong.code != 0
    assert f"login attempt to https://{server}/v2/ failed with status: 401 Unauthorized" in wrong.text
    assert "Login Succeeded" in client.do("login", "-u", USER, "--password-stdin", server, stdin=PASSWORD)
    client.do("push", name)
    client.do("rmi", name)
    client.do("pull", name)
    client.do("rmi", name)

    stage.engine.do("tag", "box", name)
    log = stage.engine.log.read_text()
    said = log + str(stage.engine.json("GET", "/info")) + str(stage.engine.json("GET", f"/images/{name}/json"))
    arguments = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in stage.engine.processes())
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert not [secret for secret in (PASSWORD, packed) if secret in said + arguments]
    client.do("rmi", name)

    client.do("logout", server)
    assert "no basic auth credentials" in client.attempt("pull", name).text


def test_unknown_authority_is_refused_unless_the_address_is_insecure(stage: Stage) -> None:
    """The same certificate on an address that is not loopback: a host's own."""
    engine = stage.engine
    with Registry(engine.host, engine.root, 5003, tls=certificate(engine.root / "other", ADDRESS), address=ADDRESS):
        said = engine.cli("pull", f"{ADDRESS}:5003/nothing").text
        assert "tls: failed to verify certificate: x509: certificate signed by unknown authority" in said
    with Registry(engine.host, engine.root, 5004, address=ADDRESS):
        said = engine.cli("pull", f"{ADDRESS}:5004/nothing").text
        assert "http: server gave HTTP response to HTTPS client" in said


@CLIENTS
def test_token_server_lets_in_who_may(stage: Stage, program: str) -> None:
    client, server = stage.client(program), stage.token.address
    name = f"{server}/public/{program}:one"
    stage.engine.do("tag", "box", name)
    denied = client.attempt("push", name)
    assert denied.code != 0
    assert "requested access to the resource is denied" in denied.text or "authentication required" in denied.text

    wrong = client.attempt("login", "-u", USER, "--password-stdin", server, stdin="guess")
    assert wrong.code != 0
    assert "incorrect username or password" in wrong.text
    client.do("login", "-u", USER, "--password-stdin", server, stdin=PASSWORD)
    client.do("push", name)
    stage.engine.do("tag", "box", f"{server}/private/{program}:one")
    client.do("push", f"{server}/private/{program}:one")
    client.do("pull", f"{server}/private/{program}:one")  # its session stays, for this user alone
    client.do("rmi", name, f"{server}/private/{program}:one")

    client.do("logout", server)
    client.do("pull", name)
    assert client.attempt("pull", f"{server}/private/{program}:one").code != 0
    client.do("rmi", name)


def test_credential_helper_is_asked_told_and_made_to_forget(stage: Stage) -> None:
    client, config = stage.client("fairlead"), stage.engine.root / "config-helper"
    programs = stage.engine.root / "helpers"
    programs.mkdir()
    helper = programs / "docker-credential-drawer"
    helper.write_text(_HELPER.format(drawer=programs / "drawer"))
    helper.chmod(0o755)
    config.mkdir()
    (config / "config.json").write_text(json.dumps({"credsStore": "drawer", "kept": 1}))
    client.env = {**client.env, "DOCKER_CONFIG": str(config), "PATH": f"{programs}:{CLEAN_ENV['PATH']}"}

    client.do("login", "-u", USER, "--password-stdin", stage.tls.address, stdin=PASSWORD)
    stored = json.loads((config / "config.json").read_text())
    assert stored == {"credsStore": "drawer", "kept": 1, "auths": {stage.tls.address: {}}}
    assert "manifest unknown" in client.attempt("pull", f"{stage.tls.address}/none").text
    client.do("logout", stage.tls.address)
    assert "no basic auth credentials" in client.attempt("pull", f"{stage.tls.address}/none").text


_HELPER = """#!/bin/sh
case $1 in
store) cat >{drawer} ;;
get) read -r server; cat {drawer} 2>/dev/null || {{ echo credentials not found in native keychain; exit 1; }} ;;
erase) rm -f {drawer} ;;
esac
"""


def test_registry_that_wants_to_see_a_certificate_sees_the_one_of_certs_d(stage: Stage) -> None:
    engine, mine = stage.engine, certificate(stage.engine.root / "me")
    pair = certificate(engine.root / "mutual", ADDRESS)
    with Registry(engine.host, engine.root, 5007, tls=pair, address=ADDRESS, clients=mine[0]) as registry:
        trusted = stage.certs / registry.address
        trusted.mkdir()
        (trusted / "ca.crt").write_bytes(pair[0].read_bytes())
        name = f"{registry.address}/mutual:1"
        engine.do("tag", "box", name)
        assert "remote error: tls: " in engine.cli("push", name).text
        (trusted / "client.cert").write_bytes(mine[0].read_bytes())
        assert "missing key client.key for client certificate client.cert" in engine.cli("push", name).text
        (trusted / "client.key").write_bytes(mine[1].read_bytes())
        engine.do("push", name)
        engine.do("rmi", name)
        engine.do("pull", name)
        engine.do("rmi", name)


@CLIENTS
def test_credentials_come_from_the_helper_of_the_registry_or_from_the_file(stage: Stage, program: str) -> None:
    client, root = stage.client(program), stage.engine.root / f"sources-{program}"
    root.mkdir()
    helper = root / "docker-credential-chest"
    answer = json.dumps({"ServerURL": stage.tls.address, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\n[ $1 = get ] && cat >{root}/asked && echo '{answer}'\n")
    helper.chmod(0o755)
    client.env = {**client.env, "DOCKER_CONFIG": str(root), "PATH": f"{root}:{CLEAN_ENV['PATH']}"}
    wanted = f"manifest for {stage.tls.address}/none:latest not found"

    (root / "config.json").write_text(json.dumps({"credHelpers": {stage.tls.address: "chest"}, "auths": {}}))
    assert wanted in client.attempt("pull", f"{stage.tls.address}/none").text
    assert (root / "asked").read_text().strip() == stage.tls.address

    known = {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    (root / "config.json").write_text(json.dumps({"auths": {stage.tls.address: known}}))
    assert wanted in client.attempt("pull", f"{stage.tls.address}/none").text
    (root / "config.json").write_text(json.dumps({"auths": {"elsewhere.test": known}}))
    assert "no basic auth credentials" in client.attempt("pull", f"{stage.tls.address}/none").text


@CLIENTS
def test_missing_things_are_said_as_docker_says_them(stage: Stage, program: str) -> None:
    client, server = stage.client(program), stage.plain.address
    missing = client.attempt("pull", f"{server}/none")
    assert f"manifest for {server}/none:latest not found: manifest unknown: manifest unknown" in missing.text
    assert missing.code == 1
    assert "An image does not exist locally with the tag" in client.attempt("push", f"{server}/none").text
    refused = client.attempt("pull", "127.0.0.1:9/none").text
    assert 'Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused' in refused
    searched = client.attempt("search", f"{server}/x")
    assert searched.code == 1
    assert "offers no search" in searched.text
    stage.engine.do("tag", "box", "127.0.0.1:9/box")
    refused = client.attempt("push", "127.0.0.1:9/box").text
    assert 'Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused' in refused
    assert "Preparing" not in refused
    stage.engine.do("rmi", "127.0.0.1:9/box")
    for words, complaint in REFUSED:
        result = client.attempt(*words)
        assert (complaint in result.text, result.code) == (True, 1), result


REFUSED = [
    (("tag", "box", "sha256:abc"), "refusing to create an ambiguous tag using digest algorithm as name"),
    (("pull", "--platform", "nonsense", "box"), '"nonsense": unknown operating system or architecture'),
    (("pull", "a" * 256), "repository name must not be more than 255 characters"),
    (("search", "--filter", "stars=many", "x"), "invalid filter 'stars=many'"),
]


def test_mirror_is_asked_first_and_stands_aside_when_it_fails(stage: Stage) -> None:
    """Docker Hub itself is out of reach here: its name must not be resolved when a mirror has the image."""
    engine, mirror = stage.engine, stage.plain.address
    engine.do("tag", "box", f"{mirror}/library/mirrored:1")
    engine.do("push", f"{mirror}/library/mirrored:1")
    with Engine(Host(), "--registry-mirror", "http://127.0.0.1:1", "--registry-mirror", f"http://{mirror}") as other:
        with Registry(other.host, engine.root, 5000):
            other.start()
            assert "Downloaded newer image for mirrored:1" in other.do("pull", "mirrored:1")
            said = other.cli("pull", "nowhere").text
        assert "lookup registry-1.docker.io" in said or "manifest unknown" in said
        assert other.do("images", "-q", "mirrored") != ""
    engine.do("rmi", f"{mirror}/library/mirrored:1")


def test_second_pull_finds_a_registry_that_came_back_otherwise(stage: Stage) -> None:
    """It begins where the first one was answered, over a new connection, and goes on to look where that is none."""
    engine, host = stage.engine, stage.engine.host
    with Registry(host, engine.root, 5003) as plain:
        name = f"{plain.address}/box"
        engine.do("tag", "box", name)
        engine.do("push", name)
        for _ in range(2):
            assert "Image is up to date" in engine.do("pull", name)
    assert "connection refused" in engine.cli("pull", name).text
    with Registry(host, engine.root, 5003):
        assert "Image is up to date" in engine.do("pull", name)
    with Registry(host, engine.root, 5003, tls=(engine.root / "tls/server.crt", engine.root / "tls/server.key")):
        assert "Image is up to date" in engine.do("pull", name)
        assert "Image is up to date" in engine.do("pull", name)
    engine.do("rmi", name)


def test_download_goes_on_where_it_was_cut_ten_times(stage: Stage, tmp_path: Path) -> None:
    """Behind a proxy that ends each connection after a tenth of the layer."""
    engine = stage.engine
    name = "cut/ten:times"
    import_image(engine, f"{stage.plain.address}/{name}", {"file": noise(2_000_000, seed=7)})
    engine.do("push", f"{stage.plain.address}/{name}")
    engine.do("rmi", f"{stage.plain.address}/{name}")
    log = tmp_path / "cuts"
    with serve(engine.host, "cuttingproxy.py", "5000", "190000", log=log) as proxy:
        engine.do("pull", f"{proxy}/{name}")
        assert content(engine, f"{proxy}/{name}", "file") == noise(2_000_000, seed=7)
        engine.do("rmi", f"{proxy}/{name}")
    assert log.read_text().count("cut") >= 10


def test_two_pulls_of_one_layer_share_its_download(stage: Stage, tmp_path: Path) -> None:
    engine = stage.engine
    log = tmp_path / "log"
    with serve(engine.host, "lyingregistry.py", log=log) as address:
        clients = [engine.client("fairlead") for _ in range(4)]
        running = [
            subprocess.Popen([*c.argv, "pull", f"{address}/slowly"], env=c.env, stdout=subprocess.PIPE, text=True)
            for c in clients
        ]
        said = [process.communicate(timeout=30)[0] for process in running]
        assert [process.returncode for process in running] == [0, 0, 0, 0]
        assert all("Pulling fs layer" in text and "Pull complete" in text for text in said)  # everybody sees it
        engine.do("rmi", f"{address}/slowly")
    layers = [line for line in log.read_text().splitlines() if "/blobs/" in line]
    assert len({line.split()[0] for line in layers}) == 2  # a configuration, a layer
    assert len(layers) <= 4 + 1


def test_pull_that_the_client_leaves_leaves_nothing(stage: Stage) -> None:
    engine, before = stage.engine, disk(stage.engine)
    with serve(engine.host, "lyingregistry.py") as address:
        client = engine.client("fairlead")
        process = subprocess.Popen([*client.argv, "pull", f"{address}/drip"], env=client.env)
        deadline = time.monotonic() + 10
        while disk(engine) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert disk(engine) != before
        process.kill()
        process.wait()
        while disk(engine) != before and time.monotonic() < deadline:
            time.sleep(0.02)
    assert disk(engine) == before


@CLIENTS
def test_build_takes_its_base_from_a_registry_that_asks_who_we_are(stage: Stage, program: str) -> None:
    client, server = stage.client(program), stage.tls.address
    name = f"{server}/{program}/base:1"
    stage.engine.do("tag", "box", name)
    client.do("login", "-u", USER, "--password-stdin", server, stdin=PASSWORD)
    client.do("push", name)
    client.do("rmi", name)
    client.do("build", "-t", "built", "-", stdin=f"FROM {name}\nENV a=b\n")
    client.do("rmi", "built", name)
    client.do("logout", server)
    refused = client.attempt("build", "-t", "built", "-", stdin=f"FROM {name}\nENV a=b\n")
    assert "no basic auth credentials" in refused.text
