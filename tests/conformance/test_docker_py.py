"""The guide through docker-py: `containers.run(..., links=…)` and what a program looks at afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

from testbed import host
from testbed.engine import Engine, until

pytestmark = pytest.mark.root


@pytest.fixture
def client(shared_engine: Engine) -> Iterator[Any]:
    made = docker.DockerClient(base_url=f"unix://{shared_engine.socket}", timeout=30)
    yield made
    made.close()


def run_db(client: Any, name: str = "db", **options: Any) -> Any:
    container = client.containers.run("training/postgres", detach=True, name=name, **options)
    until(lambda: b"ready" in container.logs())
    return container


def address(container: Any) -> str:
    container.reload()
    return str(container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])


def reach(container: Any, target: str, port: int = 5432) -> str:
    code, output = container.exec_run(["sh", "-c", f"nc -w 1 {target} {port} </dev/null"])
    return output.decode().strip() if code == 0 else ""


def test_ping_version_and_info(client: Any) -> None:
    assert client.ping()
    assert client.version()["ApiVersion"]
    assert client.info()["Containers"] == 0


def test_publish_all_and_the_page(shared_engine: Engine, client: Any) -> None:  # G1
    web = client.containers.run("training/webapp", "python app.py", detach=True, publish_all_ports=True)
    web.reload()
    port = int(web.ports["5000/tcp"][0]["HostPort"])
    here, far = shared_engine.host.here, shared_engine.host.far
    assert until(lambda: here.fetch(f"http://127.0.0.1:{port}/")) == "Hello world!\n"
    assert far.fetch(f"http://{host.ADDRESS}:{port}/") == "Hello world!\n"


def test_publish_to_one_address(shared_engine: Engine, client: Any) -> None:  # G2
    client.containers.run("training/webapp", detach=True, ports={"5000/tcp": ("127.0.0.1", 8080)})
    assert until(lambda: shared_engine.host.here.fetch("http://127.0.0.1:8080/")) == "Hello world!\n"
    assert shared_engine.host.here.fetch(f"http://{host.ADDRESS}:8080/", timeout_s=1) is None
    with pytest.raises(APIError, match="port is already allocated"):
        client.containers.run("training/webapp", detach=True, ports={"5000/tcp": 8080})


def test_list_shows_link_names(client: Any) -> None:  # G3
    run_db(client)
    client.containers.run("training/webapp", detach=True, name="web", links={"db": "db"})
    names = {entry["Image"]: entry["Names"] for entry in client.api.containers()}
    assert names == {"training/postgres": ["/db", "/web/db"], "training/webapp": ["/web"]}


def test_names_are_unique_and_free_after_remove(client: Any) -> None:  # G4
    db = run_db(client)
    with pytest.raises(APIError) as refused:
        client.containers.run("training/postgres", detach=True, name="db")
    assert refused.value.status_code == 409
    db.remove(force=True)
    assert run_db(client).name == "db"


def test_links_are_shown_and_carry_bytes_for_the_linked_alone(client: Any) -> None:  # G5, G6
    db = run_db(client)
    web = client.containers.run("training/webapp", detach=True, name="web", links=[("db", "webdb")])
    stranger = client.containers.run("training/webapp", detach=True, name="stranger")
    web.reload()
    assert web.attrs["HostConfig"]["Links"] == ["/db:/web/webdb"]
    assert reach(web, "webdb").startswith("postgres of")
    assert reach(stranger, address(db)) == ""


def test_variables_and_hosts(client: Any) -> None:  # G7 to G11
    db = run_db(client, environment={"SECRET": "s=1"})
    output = client.containers.run("training/webapp", "env", remove=True, name="web2", links={"db": "db"}).decode()
    variables = dict(line.split("=", 1) for line in output.splitlines())
    assert variables["DB_NAME"] == "/web2/db"
    assert variables["DB_PORT"] == f"tcp://{address(db)}:5432"
    assert variables["DB_ENV_SECRET"] == "s=1"
    hosts = client.containers.run("training/webapp", "cat /etc/hosts", remove=True, links={"db": "webdb"}).decode()
    assert f"{address(db)}\twebdb {db.short_id} db" in hosts


def test_restart_recreate_and_unlink(client: Any) -> None:  # G13 to G16
    db = run_db(client)
    web = client.containers.run("training/webapp", detach=True, name="web", links={"db": "db"})
    first = address(db)
    db.restart(timeout=1)
    assert address(db) == first
    assert until(lambda: reach(web, "db"))
    db.remove(force=True)
    again = run_db(client)
    assert address(again) == first
    assert until(lambda: reach(web, "db")) == f"postgres of {again.short_id}"
    client.api.remove_container("/web/db", link=True)
    assert reach(web, first) == ""
    assert {container.name for container in client.containers.list()} == {"db", "web"}


def test_links_that_cannot_be(client: Any) -> None:  # G17
    with pytest.raises(APIError, match="could not get container for nobody") as missing:
        client.containers.run("training/webapp", detach=True, links={"nobody": "x"})
    assert missing.value.status_code == 400
    run_db(client).stop(timeout=1)
    with pytest.raises(APIError, match="Cannot link to a non running container: /db AS /web/db") as stopped:
        client.containers.run("training/webapp", detach=True, name="web", links={"db": "db"})
    assert stopped.value.status_code == 500


def test_errors_come_as_their_own_kinds(client: Any) -> None:
    with pytest.raises(NotFound):
        client.containers.get("nobody")
    with pytest.raises(ImageNotFound):
        client.images.get("nosuch:1")
    with pytest.raises(ContainerError) as failed:
        client.containers.run("box", ["sh", "-c", "echo oh >&2; exit 3"], remove=True)
    assert failed.value.exit_status == 3
    assert b"oh" in failed.value.stderr


def test_attach_socket_logs_wait_top_and_stats_of_one_container(client: Any) -> None:
    cat = client.containers.create("box", "cat", stdin_open=True, name="cat")
    connection = cat.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    cat.start()
    connection._sock.sendall(b"through the socket\n")
    assert b"through the socket" in until(lambda: cat.logs())
    assert cat.top()["Titles"]
    cat.stop(timeout=1)
    assert cat.wait()["StatusCode"] in (0, 137, 143)
    connection._response.close()  # the whole answer: what is closed below it, it would close again when collected


def test_build_tag_and_remove_an_image(client: Any, shared_engine: Engine) -> None:
    context = shared_engine.root / "py-build"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text("FROM box\nLABEL of=docker-py\nRUN echo built > /made\nCMD cat /made\n")
    image, _ = client.images.build(path=str(context), tag="py:1")
    assert image.labels == {"of": "docker-py"}
    assert client.containers.run("py:1", remove=True) == b"built\n"
    assert image.tag("py", "2")
    client.images.remove("py:1")
    client.images.remove("py:2")
    with pytest.raises(ImageNotFound):
        client.images.get("py:2")
