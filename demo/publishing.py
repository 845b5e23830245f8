"""G1 to G4: published ports, `ps`, and names."""

from __future__ import annotations

import re

from transcript import Transcript

from testbed import host
from testbed.engine import until


def publish_all(t: Transcript) -> None:
    t.fairlead("run", "-d", "-P", "--name", "web", "training/webapp", "python", "app.py")
    t.fairlead("ps", "web")
    port = t.engine.host_port("web")
    pages = {
        t.fetch(t.engine.host.here, "on the host", f"http://127.0.0.1:{port}/"),
        t.fetch(t.engine.host.here, "on the host, by its address", f"http://{host.ADDRESS}:{port}/"),
        t.fetch(t.engine.host.far, "on another machine", f"http://{host.ADDRESS}:{port}/"),
    }
    t.check(pages == {"Hello world!\n"}, "the page came from all three")


def publish_some(t: Transcript) -> None:
    here = t.engine.host.here
    t.fairlead("run", "-d", "-p", "80:5000", "--name", "web", "training/webapp", "python", "app.py")
    t.fairlead("port", "web", "5000")
    t.check(t.fetch(here, "on the host", "http://127.0.0.1:80/"), "port 80 of the host is port 5000 of the container")
    t.fairlead("run", "-d", "-p", "127.0.0.1:8080:5000", "--name", "local", "training/webapp")
    t.fetch(here, "on the host", "http://127.0.0.1:8080/")
    outside = t.fetch(t.engine.host.far, "on another machine", f"http://{host.ADDRESS}:8080/", wait=False)
    t.check(outside is None, "bound to 127.0.0.1 means unreachable from elsewhere")
    t.fairlead("run", "-d", "-p", "8000-8010:9000-9010/udp", "--name", "range", "training/webapp")
    t.check("0.0.0.0:8010->9010/udp" in t.fairlead("ps", "-l"), "a range maps port by port")
    t.refused(
        "run", "-d", "-p", "80:5000", "--name", "late", "training/webapp",
        text="Bind for 0.0.0.0:80 failed: port is already allocated",
    )  # fmt: skip
    status = t.fairlead("inspect", "-f", "{{ .State.Status }}", "late")
    t.check(status == "created", "the container stays created")


def list_containers(t: Transcript) -> None:
    t.fairlead("run", "-d", "--name", "db", "training/postgres")
    t.fairlead("run", "-d", "--name", "web", "--link", "db:db", "training/webapp", "python", "app.py")
    t.check(len(t.fairlead("ps", "db").splitlines()) == 2, "ps NAME shows just that container")
    t.check(t.fairlead("ps", "-l", "--format", "{{ .Names }}") == "web", "ps -l shows the newest")
    t.check("db,web/db" in t.fairlead("ps", "--no-trunc", "--format", "{{ .Names }}"), "NAMES lists link names")


def name_containers(t: Transcript) -> None:
    container_id = t.fairlead("run", "-d", "training/webapp")
    name = t.fairlead("inspect", "-f", "{{ .Name }}", container_id)
    t.check(re.fullmatch(r"/[a-z]+_[a-z]+\d?", name), "a container without --name gets a readable one")
    first = t.fairlead("run", "-d", "--name", "web", "training/webapp")
    t.refused(
        "run", "-d", "--name", "web", "training/webapp",
        text=f'Conflict. The container name "/web" is already in use by container "{first}".',
    )  # fmt: skip
    t.fairlead("rm", "-f", "web")
    t.fairlead("run", "-d", "--name", "web", "training/webapp")
    t.check(True, "after rm the name is free")
    t.fairlead("run", "--rm", "--name", "brief", "-v", "/data", "training/webapp", "true")
    names = until(lambda: t.fairlead("ps", "-a", "--format", "{{ .Names }}"))
    t.check("brief" not in names, "--rm removed the container as it stopped")


ROWS = [
    ("G1", "Every exposed port gets a host port", publish_all),
    ("G2", "Publish to a port, an address, a range", publish_some),
    ("G3", "ps by name, the newest, and link names", list_containers),
    ("G4", "Names are readable, unique, and free after rm", name_containers),
]
