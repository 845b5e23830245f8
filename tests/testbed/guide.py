"""The reader of the guide at a prompt: the guide's containers, and looks at them from everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.engine import Client, Engine, Failed, Result, until
from testbed.namespace import Namespace


@dataclass(frozen=True)
class Guide:
    engine: Engine
    client: Client

    @property
    def here(self) -> Namespace:
        return self.engine.host.here

    @property
    def far(self) -> Namespace:
        return self.engine.host.far

    def do(self, *arguments: str, stdin: str | None = None) -> str:
        return self.client.do(*arguments, stdin=stdin)

    def attempt(self, *arguments: str) -> Result:
        return self.client.attempt(*arguments)

    def lines(self, *arguments: str) -> list[str]:
        return self.do(*arguments).splitlines()

    def environment(self, name: str) -> dict[str, str]:
        """What the first process of a container was started with, as `exec` sees it."""
        return dict(line.split("=", 1) for line in self.lines("exec", name, "env"))

    def hosts(self, name: str) -> list[str]:
        return self.lines("exec", name, "cat", "/etc/hosts")

    def run_db(self, name: str = "db", *flags: str) -> str:
        """A source that publishes nothing; returns its id once it serves."""
        container_id = self.do("run", "-d", "--name", name, *flags, "training/postgres")
        until(lambda: "ready" in self.do("logs", name), what=f"{name} serves")
        return container_id

    def run_web(self, *flags: str, name: str = "web") -> str:
        return self.do("run", "-d", "--name", name, *flags, "training/webapp", "python", "app.py")

    def reach(self, who: str, address: str, port: int = 5432) -> str:
        """What a server says to `who`; '' if it cannot be reached."""
        result = self.attempt("exec", who, "sh", "-c", f"nc -w 1 {address} {port} </dev/null")
        if result.code in (125, 126, 127):
            raise Failed(f"{who} could not try: {result}")
        return result.out.strip() if result.code == 0 else ""

    def page(self, place: Namespace, address: str, port: int) -> str | None:
        """The web page, given a moment for its server to come up."""
        url = f"http://{address}:{port}/"
        return str(until(lambda: place.fetch(url), what=f"a page at {url}"))
