"""G13 to G17: links that outlive what changes, links that go, and links that cannot be."""

from __future__ import annotations

from linking import database
from transcript import Transcript

from testbed.engine import until


def web(t: Transcript) -> str:
    t.fairlead("run", "-d", "-P", "--name", "web", "--link", "db:db", "training/webapp", "python", "app.py")
    return f"http://127.0.0.1:{t.engine.host_port('web')}/database"


def restart(t: Transcript) -> None:
    database(t)
    url = web(t)
    t.fetch(t.engine.host.here, "on the host", url)
    before = t.engine.address("db")
    t.fairlead("restart", "db")
    t.check(t.engine.address("db") == before, f"db has its address {before} again")
    page = until(lambda: t.engine.host.here.fetch(url), timeout_s=20)
    t.check("visit 2" in str(page), f"web reconnected by name: {str(page).strip()}")


def lease(t: Transcript) -> None:
    database(t)
    address = t.engine.address("db")
    t.fairlead("stop", "db")
    t.fairlead("run", "-d", "--name", "other", "training/webapp")
    t.fairlead("start", "db")
    t.check(t.engine.address("db") == address, f"stopped and started with another one between: {address}")
    t.fairlead("rm", "-f", "db")
    t.fairlead("run", "-d", "--name", "another", "training/webapp")
    database(t)
    t.check(t.engine.address("db") == address, f"removed and run again: {address}")


def replace(t: Transcript) -> None:
    database(t)
    url = web(t)
    t.fetch(t.engine.host.here, "on the host", url)
    t.fairlead("rm", "-f", "db")
    t.check("db" not in t.fairlead("exec", "web", "cat", "/etc/hosts").split(), "once db is removed its line goes")
    source = database(t)
    lines = t.fairlead("exec", "web", "cat", "/etc/hosts")
    t.check(f"{t.engine.address('db')}\tdb {source[:12]}" in lines, "the new db is linked at once")
    t.check("visit 1" in str(t.fetch(t.engine.host.here, "on the host", url)), "and web works with its empty tables")


def unlink(t: Transcript) -> None:
    database(t)
    web(t)
    address = t.engine.address("db")
    t.check(t.reaches("web", address, 5432), "linked: reached")
    t.fairlead("rm", "--link", "/web/db")
    t.check(not t.reaches("web", address, 5432), "unlinked: not reached any more")
    t.check(address not in t.fairlead("exec", "web", "cat", "/etc/hosts"), "the hosts line went")
    t.check(len(t.fairlead("ps", "-q").splitlines()) == 2, "both containers run on")


def refusals(t: Transcript) -> None:
    t.refused("run", "-d", "--link", "nobody:db", "training/webapp", text="could not get container for nobody")
    t.refused("run", "-d", "--name", "me", "--link", "me:db", "training/webapp", text="could not get container for me")
    t.refused("run", "-d", "--link", "a:b:c", "training/webapp", text="bad format for links: a:b:c")
    database(t)
    t.refused(
        "run", "-d", "--network", "host", "--link", "db:db", "training/webapp",
        text="host type networking can't be used with links",
    )  # fmt: skip
    t.fairlead("stop", "db")
    t.refused(
        "run", "-d", "--name", "web", "--link", "db:db", "training/webapp",
        text="Cannot link to a non running container: /db AS /web/db",
    )  # fmt: skip
    names = set(t.fairlead("ps", "-a", "--format", "{{ .Names }}").split())
    t.check(names == {"db", "web"}, "nothing half made is left; web stays created, as with Docker")


ROWS = [
    ("G13", "A link lives on over a restart of its source", restart),
    ("G14", "A container keeps its address", lease),
    ("G15", "A link follows the name to a new container", replace),
    ("G16", "rm --link removes the link alone", unlink),
    ("G17", "Links that cannot be", refusals),
]
