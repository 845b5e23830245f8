"""One engine for all conformance tests, empty again after each, with the proxy between it and its clients where
Docker's API definitions are at hand. What it found is a test (test_zz_definitions.py) and a page of docs/."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from conformance import recorder
from conformance.peer import DockerEngine
from testbed.engine import Client, Engine
from testbed.host import Host
from testbed.images import build_images

HERE = Path(__file__).resolve().parent
MADE_FIRST = ("test_ansible.py", "test_compose.py", "test_testcontainers.py")
MAKES_IMAGES = "test_documents.py"
LAST = "test_zz_definitions.py"


@pytest.fixture(scope="session")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance") / "findings"


@pytest.fixture(scope="session")
def _module_engine(request: pytest.FixtureRequest, findings: Path) -> Iterator[Engine]:
    kind = DockerEngine if request.config.getoption("--target") == "docker" else Engine
    definitions = request.config.getoption("--api-definitions")
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(kind(Host()).start())
        build_images(engine)
        if definitions:
            stack.enter_context(recorder.between(engine, Path(definitions).resolve(), findings))
        yield engine


@pytest.fixture
def client(shared_engine: Engine) -> Iterator[Any]:
    """docker-py. It leaves sockets of streams to the garbage collector; theirs shall not fail a later test."""
    made = docker.DockerClient(base_url=f"unix://{shared_engine.socket}", timeout=60)
    yield made
    made.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "client" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
    places = [place for place, item in enumerate(items) if HERE in item.path.parents]
    for place, item in zip(places, sorted((items[place] for place in places), key=_turn), strict=True):
        items[place] = item


def _turn(item: pytest.Item) -> int:
    """Clients whose environment has to be made come late, so do the documents, whose images stay, and the check of all
    answers last."""
    return 2 if item.path.name == LAST else int(item.path.name in (*MADE_FIRST, MAKES_IMAGES))


@pytest.fixture(scope="session", autouse=True)
def _environments_meanwhile(request: pytest.FixtureRequest) -> Iterator[None]:
    """They are made while the tests run that need none. (What goes wrong there, the test that needs it will meet.)"""
    if not any(item.path.name in MADE_FIRST for item in request.session.items):
        yield
        return
    argv = ["nice", sys.executable, "-m", "conformance.environments"]
    with subprocess.Popen(argv, cwd=HERE.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as making:
        yield
        making.terminate()


@pytest.fixture
def cli(shared_engine: Engine) -> Client:
    """Docker's own command line."""
    return shared_engine.client("docker")
