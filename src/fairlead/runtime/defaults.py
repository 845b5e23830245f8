"""Docker's defaults for a container: capabilities, masked and read-only paths, mounts, devices."""

from __future__ import annotations

import os

DEFAULT_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
)  # fmt: skip

# Numbered as in linux/capability.h.
ALL_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip

MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)  # fmt: skip
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}


def host_capabilities() -> frozenset[str]:
    """The capabilities this process may give away: its bounding set (proc(5), CapBnd)."""
    with open("/proc/self/status") as f:  # noqa: PTH123
        bits = next(int(line.split()[1], 16) for line in f if line.startswith("CapBnd:"))
    return frozenset(name for number, name in enumerate(ALL_CAPABILITIES) if bits >> number & 1)


def device_rules() -> list[dict[str, object]]:
    """Device cgroup rules: nothing but the harmless character devices, and mknod of any."""
    allowed: list[tuple[str, int | None, int | None, str]] = [("c", None, None, "m"), ("b", None, None, "m")]
    allowed += [("c", 1, minor, "rwm") for minor in (3, 5, 7, 8, 9)]
    allowed += [("c", 5, 0, "rwm"), ("c", 5, 1, "rwm"), ("c", 5, 2, "rwm"), ("c", 136, None, "rwm")]
    rules: list[dict[str, object]] = [{"allow": False, "access": "rwm"}]
    for kind, major, minor, access in allowed:
        rule: dict[str, object] = {"allow": True, "type": kind, "access": access}
        if major is not None:
            rule["major"] = major
        if minor is not None:
            rule["minor"] = minor
        rules.append(rule)
    return rules


def oom_score() -> int:
    """What a child of ours begins with."""
    with open("/proc/self/oom_score_adj") as f:  # noqa: PTH123
        return int(f.read())


def init_program() -> str | None:
    """A minimal init for `--init`: docker-init, catatonit or tini, whichever the host has."""
    for path in ("/usr/bin/docker-init", "/usr/libexec/docker/docker-init", "/usr/bin/catatonit",
                 "/usr/libexec/podman/catatonit", "/usr/bin/tini", "/usr/bin/tini-static"):  # fmt: skip
        if os.access(path, os.X_OK):
            return path
    return None
