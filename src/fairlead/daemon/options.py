"""The daemon's settings: names, how each is read, what `--help` says of it, and its field in Settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any

from fairlead.daemon import values

PARSERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "host": (values.host, "where to listen: unix:///path, or fd:// for systemd's socket"),
    "data-root": (values.absolute, "where containers, images and volumes are kept"),
    "exec-root": (values.absolute, "where runtime state is kept until the next boot"),
    "bridge": (values.bridge, "name of the default bridge"),
    "bip": (values.bip, "address of the default bridge, as 172.17.0.1/16"),
    "icc": (values.truth, "let all containers of the default bridge talk to each other, as Docker does"),
    "ipv6": (values.truth, "give the default bridge IPv6 too"),
    "fixed-cidr-v6": (values.cidr6, "its IPv6 subnet (default: a unique local one)"),
    "fixed-cidr": (values.cidr4, "the part of its subnet that containers get addresses of, as 172.17.4.0/24"),
    "ip": (IPv4Address, "default host address of published ports"),
    "publish-mode": (
        values.publish_mode,
        "who carries published ports: kernel, or forward (INPUT rules see it)",
    ),
    "allow-direct-routing": (values.truth, "let other machines reach published ports by containers' addresses too"),
    "host-names": (values.host_names, "how the host finds NAME.fairlead: hosts (a block in its hosts file), or off"),
    "hosts-file": (values.absolute, "the host's hosts file (default /etc/hosts)"),
    "mtu": (values.mtu, "MTU of containers' networks"),
    "link-environment": (values.truth, "give linked containers their variables"),
    "stop-containers-on-exit": (values.truth, "stop all containers when the daemon stops"),
    "live-restore": (
        values.not_truth,
        "the opposite, in Docker's words: containers outlive the daemon (default true)",
    ),
    "shutdown-timeout": (int, "seconds that containers have for it (default 15, -1 = without end)"),
    "log-driver": (values.log_driver, "default log driver: json-file, local, journald or none"),
    "default-shm-size": (values.size, "default size of /dev/shm, as 64m"),
    "default-ipc-mode": (values.ipc_mode, "default IPC mode: private or shareable"),
    "default-cgroupns-mode": (values.cgroupns_mode, "default cgroup namespace mode: private or host"),
    "init": (values.truth, "run an init in every container that does not say otherwise"),
    "group": (str, "group that may use the socket"),
    "registry-timeout": (values.seconds, "seconds after which a registry that says nothing is given up (default 30)"),
    "max-concurrent-downloads": (values.count, "layers pulled at a time (default 3)"),
    "max-concurrent-uploads": (values.count, "layers pushed at a time (default 5)"),
    "max-download-attempts": (values.count, "tries in a row that may fail (default 5)"),
    "max-layer-size": (values.size, "what one layer may unpack to, as 64g (the default)"),
    "debug": (values.truth, "log more"),
}
LISTS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "default-address-pool": (values.pool, "base=NET,size=BITS: where networks get their subnets from (repeatable)"),
    "dns": (values.dns, "name server for containers (repeatable)"),
    "dns-search": (str, "search domain for containers (repeatable)"),
    "dns-opt": (str, "resolver option for containers, as ndots:1 (repeatable)"),
    "log-opt": (values.pair, "NAME=VALUE: default option of the default log driver (repeatable)"),
    "default-ulimit": (values.ulimit, "NAME=SOFT[:HARD]: default ulimit (repeatable)"),
    "label": (str, "key=value shown by info (repeatable)"),
    "registry-mirror": (values.mirror, "asked before Docker Hub (repeatable)"),
    "insecure-registry": (values.insecure, "host[:port] or network that may speak plain HTTP (repeatable)"),
    "certs-dir": (values.absolute, "where certificates of registries are, below their names (repeatable)"),
}
FIELDS = {
    "ip": "host_ip",
    "group": "socket_group",
    "default-address-pool": "pools",
    "label": "labels",
    "dns-opt": "dns_options",
    "log-opt": "log_options",
    "default-ulimit": "default_ulimits",
    "default-shm-size": "shm_size_bytes",
    "default-ipc-mode": "ipc_mode",
    "default-cgroupns-mode": "cgroupns_mode",
    "live-restore": "stop_containers_on_exit",
    "shutdown-timeout": "shutdown_timeout_s",
    "registry-timeout": "registry_timeout_s",
    "registry-mirror": "registry_mirrors",
    "insecure-registry": "insecure_registries",
    "certs-dir": "certificates",
    "max-layer-size": "max_layer_bytes",
}
SAME: Mapping[str, Callable[[str], str]] = {
    "storage-driver": values.only("overlay2"),
    "exec-opt": values.only("native.cgroupdriver=cgroupfs"),
    "default-runtime": values.only("runc", "crun"),
    "userland-proxy": values.only("true"),
    "iptables": values.only("true"),
    "ip6tables": values.only("true"),
    "ip-forward": values.only("true"),
    "ip-masq": values.only("true"),
    "experimental": values.only("false"),
    "selinux-enabled": values.only("false"),
    "containerd-snapshotter": values.only("false"),
}
"""Settings of Docker's of which there is one way here: taken if that is asked for, and refused if another is."""

PLURALS = {
    "hosts": "host", "labels": "label", "dns-opts": "dns-opt", "log-opts": "log-opt", "exec-opts": "exec-opt",
    "default-ulimits": "default-ulimit", "default-address-pools": "default-address-pool",
    "registry-mirrors": "registry-mirror", "insecure-registries": "insecure-registry",
}  # fmt: skip
"""How Docker's daemon.json calls what its flags call in the singular."""


def field(name: str) -> str:
    return FIELDS.get(name, name.replace("-", "_"))
