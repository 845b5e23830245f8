"""Being attached to a container: the streams both ways, its signals and its window, and its exit code in the end."""

from __future__ import annotations

import sys

from fairlead.cli import client, streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fairlead.cli.client import Client, Pending, Response


class Attachment:
    """One attach and one wait, asked for together, before the container is started."""

    def __init__(
        self, api: Client, identifier: str, *, tty: bool, names: tuple[str, ...], detach_keys: str, condition: str
    ) -> None:
        self._api = api
        self._path = f"/containers/{identifier}"
        self._tty = tty
        self._stdin = "stdin" in names
        self._keys = detach_keys
        asked: dict[str, Any] = dict.fromkeys(names, True)
        # Both are sent before either is answered: one round trip less.
        self._attach: Pending = api.begin(
            "POST", f"{self._path}/attach", upgrade=True, stream=True, detachKeys=detach_keys, **asked
        )
        self._wait: Pending = api.begin("POST", f"{self._path}/wait", condition=condition)
        self._output: Response = self._attach.answer()
        self._result: Response = self._wait.answer()

    def forward_signals(self) -> None:
        from fairlead.cli import signals

        signals.forward(lambda name: quietly(self._api, f"{self._path}/kill", signal=name))

    def follow_window(self) -> None:
        """The container's terminal gets the size of this one, now and whenever that changes."""
        follow_window(self._api, f"{self._path}/resize")

    def run(self) -> int:
        """Until the output ends; the exit code. Raises terminal.Detached."""
        join(self._output, tty=self._tty, stdin=self._stdin, detach_keys=self._keys)
        return self.result()

    def result(self) -> int:
        """The exit code, once there is one."""
        from fairlead.cli import jsontext

        answer = jsontext.loads(self._result.read())
        error = (answer.get("Error") or {}).get("Message")
        if error:
            sys.stderr.write(f"{error}\n")
            return 125
        return int(answer["StatusCode"])


def join(response: Response, *, tty: bool, stdin: bool, detach_keys: str) -> None:
    """stdin, if wanted, to an upgraded connection, and the connection to stdout and stderr, until it ends."""
    output = streams.Output(raw=tty)
    if not stdin:
        streams.drain(response.socket, response.buffer, output)
        return
    from fairlead.cli import terminal

    terminal.join(response.socket, response.buffer, output, tty=tty, detach_keys=detach_keys)


def follow_window(api: Client, path: str) -> None:
    from fairlead.cli import signals, terminal

    def resize() -> None:
        rows, columns = terminal.size()
        if rows or columns:
            quietly(api, path, h=rows, w=columns)

    resize()
    signals.on_resize(resize)


def quietly(api: Client, path: str, **query: Any) -> None:
    """What is sent on the side: the container may have ended meanwhile."""
    try:
        api.post(path, **query)
    except (client.ApiError, client.Refused):
        return
