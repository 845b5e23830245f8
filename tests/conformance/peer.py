"""dockerd in the place of our daemon (`--target=docker`): a case here is right only if it passes there too."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Self

from testbed.engine import CLEAN_ENV, Engine, Failed
from testbed.host import mount_points


class DockerEngine(Engine):
    ours = False

    def start(self) -> Self:
        self.root.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *self.host.here.entry, "dockerd", "-H", f"unix://{self.daemon_socket}",
                 "--data-root", str(self.data_root), "--exec-root", str(self.exec_root), "-p", str(self.root / "pid"),
                 "--storage-driver", "overlay2", *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**CLEAN_ENV, "TMPDIR": str(self.root)},
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.api("GET", "/_ping", timeout_s=5)[0] == 200:
                    return self
            time.sleep(0.1)
        raise Failed(f"dockerd does not answer after 60 s:\n{self.tail()}")

    def do(self, *arguments: str, stdin: str | bytes | None = None, timeout_s: float = 60) -> str:
        """The tests' stage speaks our client's words; Docker's has them all but one."""
        if arguments[:2] == ("image", "bootstrap"):
            return self.client("docker").do("import", "-c", 'CMD ["sh"]', "-", arguments[2], stdin=_busybox(self.root))
        return self.client("docker").do(*arguments, stdin=stdin, timeout_s=timeout_s)

    def processes(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (self.process is None or int(entry.name) != self.process.pid):
                with contextlib.suppress(OSError):
                    if f"{self.root}/".encode() in (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
        return sorted(found)

    def close(self) -> None:
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.clear()
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
            self.process.kill()
            self.process.wait()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for point in sorted(mount_points(os.getpid()), key=len, reverse=True):
            if point.startswith(f"{self.root}/"):
                subprocess.run(["umount", "-l", point], check=False)
        self.host.close()
        shutil.rmtree(self.root, ignore_errors=True)


def _busybox(work: Path) -> bytes:
    """A root file system of the machine's static busybox, as `image bootstrap --busybox` makes it."""
    tree = work / "busybox"
    for name in ("bin", "etc", "tmp", "root", "proc", "sys", "dev", "usr/bin", "sbin", "usr/sbin", "var"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    shutil.copy2(shutil.which("busybox") or "/bin/busybox", tree / "bin/busybox")
    words = subprocess.run([tree / "bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout
    for word in words.split():
        if word != "busybox":
            (tree / "bin" / word).symlink_to("busybox")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\n")
    with tarfile.open(work / "busybox.tar", "w") as archive:
        archive.add(tree, ".")
    return (work / "busybox.tar").read_bytes()
