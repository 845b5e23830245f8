"""docker-compose 1.29.2: the client that old Compose files with `links:` need, and newer files as well."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from conformance import environments
from testbed.engine import CLEAN_ENV, Engine, until

pytestmark = [pytest.mark.root, pytest.mark.clients]

FILES = Path(__file__).resolve().parent / "compose"
Compose = Callable[..., str]


@pytest.fixture(scope="session")
def program() -> Path:
    return environments.make("compose") / "docker-compose"


@pytest.fixture
def compose(program: Path, shared_engine: Engine) -> Iterator[Compose]:
    """`compose(project, file, *words)`; what a project made is taken down in the end."""
    env = {**CLEAN_ENV, "DOCKER_HOST": f"unix://{shared_engine.socket}", "HOME": str(shared_engine.root)}
    used: dict[str, str] = {}

    def run(project: str, file: str, *words: str) -> str:
        used[project] = file
        argv = [str(program), "--no-ansi", "-p", project, "-f", str(FILES / file), *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr if words[0] == "up" else done.stdout

    yield run
    for project, file in used.items():
        run(project, file, "down", "-v", "-t", "0")


def reach(compose: Compose, project: str, file: str, target: str) -> str:
    return compose(project, file, "exec", "-T", "web", "sh", "-c", f"nc -w 1 {target} 5432 </dev/null || true").strip()


def test_links_of_a_version_1_file(compose: Compose, shared_engine: Engine) -> None:
    compose("one", "links.yml", "up", "-d")
    output = compose("one", "links.yml", "exec", "-T", "web", "env")
    variables = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    db = shared_engine.address("one_db_1")
    assert variables["DB_PORT"] == f"tcp://{db}:5432"
    assert variables["WEBDB_PORT_5432_TCP_ADDR"] == db
    assert variables["DB_1_ENV_SECRET"] == "s3cret"
    for name in ("db", "webdb", "db_1", "one_db_1"):
        assert until(lambda name=name: reach(compose, "one", "links.yml", name)).startswith("postgres of")
    page = f"http://127.0.0.1:{shared_engine.host_port('one_web_1')}/"
    assert until(lambda: shared_engine.host.here.fetch(page)) == "Hello world!\n"


def test_a_stranger_does_not_get_in(compose: Compose, shared_engine: Engine) -> None:
    compose("one", "links.yml", "up", "-d")
    until(lambda: reach(compose, "one", "links.yml", "db"))
    words = ["run", "--rm", "box", "nc", "-w", "1", shared_engine.address("one_db_1"), "5432"]
    assert shared_engine.client("docker").attempt(*words).out == ""


def test_a_second_up_changes_nothing_and_a_restart_keeps_the_link(compose: Compose) -> None:
    compose("one", "links.yml", "up", "-d")
    assert compose("one", "links.yml", "up", "-d").count("is up-to-date") == 2
    compose("one", "links.yml", "restart", "-t", "0", "db")
    assert until(lambda: reach(compose, "one", "links.yml", "db")).startswith("postgres of")
    compose("one", "links.yml", "up", "-d", "--force-recreate", "-t", "0")
    assert until(lambda: reach(compose, "one", "links.yml", "db")).startswith("postgres of")


def test_verbs_that_look(compose: Compose) -> None:
    compose("one", "links.yml", "up", "-d")
    assert "one_web_1" in compose("one", "links.yml", "ps")
    assert "training/webapp" in compose("one", "links.yml", "images")
    assert "ready for connections" in until(lambda: compose("one", "links.yml", "logs", "--no-color", "db"))
    assert "python" in compose("one", "links.yml", "top")
    assert compose("one", "links.yml", "port", "web", "5000").startswith("127.0.0.1:")
    assert compose("one", "links.yml", "run", "--rm", "-T", "web", "sh", "-c", "echo $DB_NAME").strip() != ""
    compose("one", "links.yml", "pause")
    compose("one", "links.yml", "unpause")
    compose("one", "links.yml", "stop", "-t", "0")
    assert "Exit" in compose("one", "links.yml", "ps")


def test_a_version_3_file_waits_for_health_and_joins_networks(compose: Compose, shared_engine: Engine) -> None:
    compose("two", "stack.yml", "up", "-d")
    assert shared_engine.inspect("two_db_1")["State"]["Health"]["Status"] == "healthy"
    web = shared_engine.inspect("two_web_1")
    assert sorted(web["NetworkSettings"]["Networks"]) == ["two_back", "two_front"]
    assert web["Config"]["Labels"]["tier"] == "web"
    for name in ("db", "store"):
        assert reach(compose, "two", "stack.yml", name).startswith("postgres of")
    mounts = shared_engine.inspect("two_db_1")["Mounts"]
    assert [(mount["Name"], mount["Destination"]) for mount in mounts] == [("two_data", "/var/lib/postgresql")]
    page = f"http://127.0.0.1:{shared_engine.host_port('two_web_1')}/"
    assert until(lambda: shared_engine.host.here.fetch(page)) == "Hello world!\n"


def test_down_takes_networks_and_volumes_along(compose: Compose, shared_engine: Engine) -> None:
    compose("two", "stack.yml", "up", "-d")
    compose("two", "stack.yml", "down", "-v", "-t", "0")
    assert {network["Name"] for network in shared_engine.json("GET", "/networks")} == {"bridge", "host", "none"}
    assert not shared_engine.json("GET", "/volumes")["Volumes"]


def test_scaled_services_share_a_name(compose: Compose, shared_engine: Engine) -> None:
    compose("two", "stack.yml", "up", "-d", "--scale", "db=2")
    found = {reach(compose, "two", "stack.yml", f"two_db_{number}") for number in (1, 2)}
    assert len(found) == 2
    addresses = {
        shared_engine.inspect(f"two_db_{number}")["NetworkSettings"]["Networks"]["two_back"]["IPAddress"]
        for number in (1, 2)
    }
    script = "nslookup db 127.0.0.11 2>/dev/null | grep -o '172[0-9.]*\\|10[.][0-9.]*' || true"
    assert addresses <= set(compose("two", "stack.yml", "exec", "-T", "web", "sh", "-c", script).split())


def test_three_projects_at_once_cannot_reach_each_other(compose: Compose, shared_engine: Engine) -> None:
    projects = ("red", "green", "blue")
    for project in projects:
        compose(project, "stack.yml", "up", "-d")
    ends = {project: shared_engine.inspect(f"{project}_db_1")["NetworkSettings"]["Networks"] for project in projects}
    assert len({end["IPAddress"] for project in projects for end in ends[project].values()}) == len(projects)
    for project in projects:
        address = ends[project][f"{project}_back"]["IPAddress"]
        mine = probe(shared_engine, f"{project}_web_1", ("db", "store", f"{project}_db_1", address))
        assert len(mine) == 4
        assert len(set(mine.values())) == 1
        strange = [f"{other}_db_1" for other in projects if other != project]
        strange += [ends[other][f"{other}_back"]["IPAddress"] for other in projects if other != project]
        assert probe(shared_engine, f"{project}_web_1", strange) == {}


def probe(engine: Engine, container: str, targets: Sequence[str]) -> dict[str, str]:
    """Who answered at the database's port, of all asked at once."""
    script = "".join(f"(echo {target} $(nc -w 1 {target} 5432 </dev/null 2>/dev/null)) & " for target in targets)
    said = engine.client("docker").do("exec", container, "sh", "-c", f"{script} wait").splitlines()
    assert len(said) == len(targets)
    return {target: answer for target, _, answer in (line.partition(" ") for line in said) if answer}


def test_config_is_what_the_file_says(compose: Compose) -> None:
    hashes = compose("two", "stack.yml", "config", "--hash", "*").split()
    assert hashes[0::2] == ["db", "web"]
