"""What the kernel can do: tried in a namespace of its own where we may, read from /proc where not."""

from __future__ import annotations

import platform
import re
import shutil
from pathlib import Path

from fairlead.daemon.checks import probe
from fairlead.daemon.checks.finding import Finding, missing, note, ok

OLDEST = (5, 10)
"""openat2, pidfd_open, bridge port isolation and inet nat chains are all older; what we test on is not."""

NFT_PARTS = {
    "nftables": ("inet", "type filter hook forward priority 0; accept;"),
    "nftables maps": ("inet", "type filter hook input priority 0; ip daddr . tcp dport vmap { 127.0.0.1 . 1 : drop };"),
    "nftables nat": ("inet", "type nat hook postrouting priority 100; masquerade;"),
    "nftables fib": ("inet", "type filter hook input priority 0; fib daddr type local accept;"),
    "nftables bridge family": ("bridge", "type filter hook prerouting priority 0; accept;"),
    "conntrack": ("inet", "type filter hook forward priority 0; ct state established accept;"),
}
"""Family and a chain whose loading needs that part of the kernel."""

MODULES = {
    "overlayfs": "overlay",
    "bridge": "bridge",
    "veth": "veth",
    "nftables": "nf_tables",
    "nftables nat": "nft_nat",
    "nftables fib": "nft_fib_inet",
    "conntrack": "nf_conntrack",
}
UPON_DEVICES = {
    "macvlan networks": ("macvlan", "type macvlan"),
    "ipvlan networks": ("ipvlan", "type ipvlan"),
    "VLANs as their parents": ("8021q", "type vlan id 2"),
}
"""What some networks need: the module, and how `ip link add` asks for a device of its kind."""
NAMESPACES = ("mnt", "uts", "ipc", "net", "pid", "cgroup")


async def findings() -> list[Finding]:
    found = [_version(), _namespaces(), _seccomp()]
    if not probe.can_try():
        return [*found, *(_from_proc(name, module) for name, module in MODULES.items())]
    found.append(await _try("overlayfs", "unshare", "--mount", "sh", "-ec", OVERLAY_PROBE))
    for kind in ("bridge", "veth"):
        found.append(await _try(kind, "unshare", "--net", "ip", "link", "add", "probe", "type", kind))
    for name, (family, chain) in NFT_PARTS.items():
        table = f"table {family} probe {{ chain probe {{ {chain} }}; }}\n"
        found.append(await _try(name, "unshare", "--net", "nft", "-f", "-", stdin=table))
    for name, (module, words) in UPON_DEVICES.items():
        found.append(await _try_upon_device(name, module, words))
    return found


async def _try_upon_device(name: str, module: str, words: str) -> Finding:
    script = f"ip link add one type veth peer name two && ip link add link one name three {words}"
    worked, said = await probe.succeeds("unshare", "--net", "sh", "-c", script)
    if worked:
        return ok(name, "tried")
    return missing(name, said or "refused", f"modprobe {module}, or a kernel that has it", needed=False)


OVERLAY_PROBE = """
d=$(mktemp -d); trap 'umount -l "$d" 2>/dev/null; rmdir "$d"' EXIT
mount -t tmpfs probe "$d"; mkdir "$d/l" "$d/u" "$d/w" "$d/m"
mount -t overlay -o "lowerdir=$d/l,upperdir=$d/u,workdir=$d/w" probe "$d/m"
umount "$d/m"
"""


async def _try(name: str, *argv: str, stdin: str = "") -> Finding:
    tool = argv[2]
    if shutil.which(tool, path=probe.SEARCH_PATH) is None:
        return note(name, f"not tried: there is no `{tool}` to try it with")
    worked, said = await probe.succeeds(*argv, stdin=stdin)
    if worked:
        return ok(name, "tried")
    module = MODULES.get(name, "nf_tables")
    return missing(name, said or "refused by the kernel", f"modprobe {module}, or a kernel that has it")


def _version() -> Finding:
    release = platform.release()
    numbers = tuple(int(part) for part in re.findall(r"\d+", release)[:2])
    if numbers >= OLDEST:
        return ok("kernel", release)
    return missing("kernel", f"{release}, needs {OLDEST[0]}.{OLDEST[1]} or newer", "install a newer kernel")


def _namespaces() -> Finding:
    lacking = [name for name in NAMESPACES if not Path(f"/proc/self/ns/{name}").exists()]
    if lacking:
        return missing("namespaces", f"no {', '.join(lacking)}", "a kernel with CONFIG_NAMESPACES and its parts")
    return ok("namespaces", " ".join(NAMESPACES))


def _seccomp() -> Finding:
    if Path("/proc/sys/kernel/seccomp/actions_avail").exists():
        return ok("seccomp")
    return note("seccomp", "the kernel has none: containers run without the system call filter")


def known_modules(release: str) -> set[str]:
    """Modules loaded, built in or on disk."""
    names = {line.split()[0] for line in _lines(Path("/proc/modules"))}
    names |= {line.split()[-1] for line in _lines(Path("/proc/filesystems"))}
    for listing in ("modules.builtin", "modules.dep"):
        for line in _lines(Path("/lib/modules") / release / listing):
            names.add(Path(line.partition(":")[0]).name.partition(".")[0].replace("-", "_"))
    return names


def _from_proc(name: str, module: str) -> Finding:
    if module in known_modules(platform.release()) or Path("/sys/module", module).exists():
        return ok(name, f"module {module}")
    return note(name, f"module {module} not seen; run as root to try it")


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text().splitlines() if line]
    except OSError:
        return []
