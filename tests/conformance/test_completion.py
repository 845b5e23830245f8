"""A user at a real shell presses the tab key."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.engine import CLEAN_ENV, LAUNCHER, Engine
from testbed.terminal import Terminal

pytestmark = pytest.mark.root

FORGET = "\x15"
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "PS1='> '; source <(fairlead completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "PS1='> '; autoload -U compinit; compinit -D; source <(fairlead completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "fairlead completion fish | source; function fish_prompt; echo '> '; end"),
}


@pytest.fixture(params=["bash", *(pytest.param(name, marks=pytest.mark.clients) for name in ("zsh", "fish"))])
def shell(request: pytest.FixtureRequest, shared_engine: Engine, tmp_path: Path) -> Iterator[Terminal]:
    name = request.param
    if shutil.which(name) is None and shutil.which("apt-get") is None:
        pytest.fail(f"needs {name}: install it", pytrace=False)
    if shutil.which(name) is None:
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", name]
        subprocess.run(install, check=True, capture_output=True, env={**CLEAN_ENV, "DEBIAN_FRONTEND": "noninteractive"})
    shared_engine.do("create", "--name", "one-with-a-name", "box", "true")
    shared_engine.do("network", "create", "its-network")
    (tmp_path / "some-file").touch()
    env = {
        **CLEAN_ENV, "PATH": f"{LAUNCHER.parent}:{CLEAN_ENV['PATH']}", "HOME": str(tmp_path), "TERM": "dumb",
        "FAIRLEAD_HOST": f"unix://{shared_engine.socket}",
    }  # fmt: skip
    argv, script = START[name]
    with Terminal(["setsid", "-cw", "env", "-C", str(tmp_path), *argv], env, columns=200) as terminal:
        terminal.type(f"{script}; echo rea''dy\n")
        terminal.expect("ready\r\n")
        yield terminal


def test_the_tab_key_completes_verbs_names_values_and_files(shell: Terminal) -> None:
    for typed, completed in (
        ("fairlead inspe", "fairlead inspect "),
        ("fairlead rm one-w", "fairlead rm one-with-a-name"),
        ("fairlead run --network its", "fairlead run --network its-network"),
        ("fairlead run --network=its", "fairlead run --network=its-network"),
        ("fairlead start --detach", "fairlead start --detach-keys"),
        ("fairlead ps --filter status=exi", "fairlead ps --filter status=exited"),
        ("fairlead run box:lat", "fairlead run box:latest"),
        ("fairlead load -i some-f", "fairlead load -i some-file"),
    ):
        shell.type(f"{typed}\t")
        shell.expect(completed.removeprefix(typed))
        shell.type(FORGET)
