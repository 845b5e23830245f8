"""testcontainers-python with a real PostgreSQL and a real Redis, reached as its users do: by published ports, by names
on a network of its own, and from inside. (Ryuk, its reaper, is off: it is an image from elsewhere.)"""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import databases, environments
from testbed.engine import CLEAN_ENV, Engine, until

pytestmark = [pytest.mark.root, pytest.mark.clients]

SETTINGS = {
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",  # it would take the gateway where the tests run in a container
    "TC_MAX_TRIES": "600",
    "TC_POOLING_INTERVAL": "0.1",
}
Run = Callable[[str], str]


@pytest.fixture(scope="module")
def _images(_module_engine: Engine) -> Iterator[None]:
    with databases.images(_module_engine):
        yield


@pytest.fixture(scope="session")
def python() -> Path:
    return environments.make("testcontainers") / "python"


@pytest.fixture
def run(_images: None, python: Path, shared_engine: Engine) -> Run:
    """Runs a program on the host, as a developer runs tests; returns what it printed."""
    env = {**CLEAN_ENV, **SETTINGS, "DOCKER_HOST": f"unix://{shared_engine.socket}", "HOME": str(shared_engine.root)}

    def program(text: str) -> str:
        argv = [*shared_engine.host.here.entry, str(python), "-W", "ignore", "-c", textwrap.dedent(text)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n--- daemon\n{shared_engine.tail()}"
        return done.stdout

    return program


def test_postgres_through_its_published_port(run: Run, shared_engine: Engine) -> None:
    said = run("""
        import psycopg
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer("postgres", username="me", password="se'cret", dbname="mine", driver=None) as postgres:
            port = postgres.get_exposed_port(5432)
            with psycopg.connect(host="127.0.0.1", port=port, user="me", password="se'cret", dbname="mine") as line:
                line.execute("create table rows (id int primary key, text text)")
                with line.cursor().copy("copy rows from stdin") as copy:
                    for number in range(20000):
                        copy.write_row((number, "x" * 100))
                print(line.execute("select count(*), sum(length(text)), current_user from rows").fetchone())
            code, output = postgres.exec(["psql", "-U", "me", "-d", "mine", "-Atc", "select max(id) from rows"])
            print(code, output.decode().strip())
            try:
                psycopg.connect(host="127.0.0.1", port=port, user="me", password="wrong", dbname="mine")
            except psycopg.OperationalError as error:
                print("password authentication failed" in str(error))
    """)
    assert said.splitlines() == ["(20000, 2000000, 'me')", "0 19999", "True"]
    assert shared_engine.json("GET", "/containers/json?all=1") == []
    assert shared_engine.json("GET", "/volumes")["Volumes"] == []


def test_redis_with_a_password_and_subscribers(run: Run) -> None:
    said = run("""
        import redis
        from testcontainers.redis import RedisContainer

        with RedisContainer("redis", password="secret") as container:
            client = container.get_client(decode_responses=True)
            with client.pipeline() as line:
                for number in range(10000):
                    line.set(f"key{number}", number)
                line.execute()
            print(client.dbsize(), client.get("key9999"))
            with client.pubsub() as listener:
                listener.subscribe("news")
                print(listener.get_message(timeout=5)["type"])
                print(client.publish("news", "hello"), listener.get_message(timeout=5)["data"])
            try:
                redis.Redis(port=container.get_exposed_port(6379)).ping()
            except redis.exceptions.AuthenticationError:
                print("refused")
    """)
    assert said.splitlines() == ["10000 9999", "subscribe", "1 hello", "refused"]


def test_two_find_each_other_by_alias_on_a_network(run: Run) -> None:
    said = run("""
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.network import Network
        from testcontainers.redis import RedisContainer

        with Network() as network:
            with RedisContainer("redis").with_network(network).with_network_aliases("cache"):
                asking = DockerContainer("redis").with_network(network).with_command("sleep 60")
                with asking as other, DockerContainer("redis").with_command("sleep 60") as stranger:
                    print(other.exec("redis-cli -h cache ping").output.decode().strip())
                    print(stranger.exec("timeout 5 redis-cli -h cache ping").exit_code != 0)
    """)
    assert said.splitlines() == ["PONG", "True"]


def test_waiting_for_logs_copies_and_mounts(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the user inside is none of the host's
    (tmp_path / "mounted").write_text("from the host\n")
    said = run(f"""
        import pathlib
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        container = DockerContainer("redis").with_exposed_ports(6379).with_env("A", "b").with_kwargs(mem_limit="64m")
        container.with_volume_mapping("{tmp_path}", "/host", "ro")
        container.waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
        with container:
            container.copy_into_container(b"copied", "/data/copied")
            print(container.exec("cat /data/copied /host/mounted").output.decode().strip())
            container.copy_from_container("/data/copied", pathlib.Path("{tmp_path}/back"))
            print(pathlib.Path("{tmp_path}/back").read_bytes(), container.exec("printenv A").output)
            print("Ready to accept connections" in container.get_logs()[0].decode())
            print(container.get_wrapped_container().attrs["HostConfig"]["Memory"])
    """)
    assert said.splitlines() == ["copiedfrom the host", "b'copied' b'b\\n'", "True", str(64 << 20)]


@pytest.mark.usefixtures("_images")
def test_containers_of_docker_py_meet_at_a_published_port(client: Any, shared_engine: Engine) -> None:
    """The container asks the host's address, and its own network's gateway, for what another one published."""
    redis = client.containers.run("redis", detach=True, ports={"6379/tcp": None})
    redis.reload()
    port = redis.ports["6379/tcp"][0]["HostPort"]
    client.networks.create("apart")
    for network in ("bridge", "apart"):
        up = {"up": "host-gateway"}
        it = client.containers.run("redis", "sleep 60", detach=True, network=network, extra_hosts=up)
        for address in ("198.51.100.1", "up"):
            words = ["redis-cli", "-h", address, "-p", port, "set", network, address]
            assert until(lambda it=it, words=words: it.exec_run(words).output.strip() == b"OK", timeout_s=10)
    assert shared_engine.host.far.talk("198.51.100.1", int(port), "get apart\r\nquit\r\n") == "$2\r\nup\r\n+OK\r\n"
