"""Whether the limits of a create or update body can be: Docker's checks of `Resources`, in its words."""

from __future__ import annotations

import os
import re

from fairlead.errors import InvalidParameter
from fairlead.model.container import HostConfig

_MIN_MEMORY = 6 * 1024 * 1024
_LIST = re.compile(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*\Z")
ULIMITS = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip


def check(host: HostConfig, *, update: bool = False) -> None:
    """`update`: what `host` does not say is not to change."""
    _check_memory(host, update=update)
    _check_cpu(host)
    _check_block_io(host)
    _check_ulimits(host)
    if host.shm_size_bytes < 0:
        _fail("SHM size can not be less than 0")
    if not -1000 <= host.oom_score_adj <= 1000:
        _fail(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")


def _fail(message: str) -> None:
    raise InvalidParameter(message)


def _check_memory(host: HostConfig, *, update: bool) -> None:
    memory, swap, reservation = host.memory_bytes, host.memory_swap_bytes, host.memory_reservation_bytes
    if memory and memory < _MIN_MEMORY:
        _fail("Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        _fail("Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0 and not update:
        _fail("You should always set the Memory limit when using Memoryswap limit, see usage")
    if swap < -1:
        _fail(f"invalid memory swap limit ({swap}): -1 is no limit")
    if host.memory_swappiness is not None and not 0 <= host.memory_swappiness <= 100:
        _fail(f"Invalid value: {host.memory_swappiness}, valid memory swappiness range is 0-100")
    if reservation and reservation < _MIN_MEMORY:
        _fail("Minimum memory reservation allowed is 6MB")
    if memory > 0 and reservation > memory:
        _fail("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_cpu(host: HostConfig) -> None:
    cpus = os.cpu_count() or 1
    if host.nano_cpus > 0 and host.cpu_period > 0:
        _fail("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if host.nano_cpus > 0 and host.cpu_quota > 0:
        _fail("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if not 0 <= host.nano_cpus <= cpus * 10**9:
        _fail(f"range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    if host.cpu_shares < 0:
        _fail(f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")
    if host.cpu_period and not 1000 <= host.cpu_period <= 1_000_000:
        _fail("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < host.cpu_quota < 1000:
        _fail("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if host.cpu_realtime_period and host.cpu_realtime_runtime > host.cpu_realtime_period:
        _fail("cpu real-time runtime cannot be higher than cpu real-time period")
    for kind, text in (("cpus", host.cpuset_cpus), ("mems", host.cpuset_mems)):
        if text and not _is_list(text):
            _fail(f"Invalid value {text} for cpuset {kind}")


def _is_list(text: str) -> bool:
    """`0-2,7`: as cpuset(7) reads it."""
    if not _LIST.match(text):
        return False
    spans = [part.partition("-") for part in text.split(",")]
    return all(not dash or int(first) <= int(last) for first, dash, last in spans)


def _check_block_io(host: HostConfig) -> None:
    for weight in (host.blkio_weight, *(device.rate for device in host.blkio_weights)):
        if weight and not 10 <= weight <= 1000:
            _fail("Range of blkio weight is from 10 to 1000")
    rates = (*host.blkio_read_bps, *host.blkio_write_bps, *host.blkio_read_iops, *host.blkio_write_iops)
    for device in (*host.blkio_weights, *rates):
        if not device.path.startswith("/"):
            _fail(f"bad format for device path: {device.path}")
        if device.rate < 0:
            _fail(f"invalid rate for device: {device.path}:{device.rate}")


def _check_ulimits(host: HostConfig) -> None:
    for limit in host.ulimits:
        if limit.name not in ULIMITS:
            _fail(f"invalid ulimit type: {limit.name}")
        if limit.soft < -1 or limit.hard < -1:
            _fail(f"invalid ulimit {limit.name}: -1 is no limit")
        soft, hard = (value if value >= 0 else float("inf") for value in (limit.soft, limit.hard))
        if soft > hard:
            _fail(f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}")
