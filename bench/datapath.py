"""Requests and bytes per second through each engine's published port and link, in turn with hand-made namespaces that
have the same bridge, nft map and connection tracking but no engine: what the machine can do at best."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import images
import shell
from commands import Results, note
from engines import NET, PREFIX, Engine

Runner = Callable[..., str]
CONNECTIONS = 16
PATH_PUBLISHED = "127.0.0.1 published"
PATH_LINK = "link"
PATH_BRIDGE = "plain bridge"
BARE = "bare"

# The publish rules of performance work: one map, as an engine would have at best.
_RULES = """table inet bare {
 map m { type inet_service : ipv4_addr . inet_service
  elements = { 18080 : 10.97.0.2 . 80, 15201 : 10.97.0.2 . 5201 } }
 chain pre { type nat hook prerouting priority dstnat; fib daddr type local dnat ip to tcp dport map @m; }
 chain out { type nat hook output priority -100; fib daddr type local dnat ip to tcp dport map @m; }
 chain post { type nat hook postrouting priority srcnat; ip saddr 127.0.0.0/8 oifname "br0" masquerade; }
 chain guard { type filter hook forward priority filter; ct state established,related accept; }
}"""


def measure(engines: Sequence[Engine], work: Path, rounds: int, seconds: int, results: Results) -> None:
    """Every path of every engine, in rounds."""
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(_bare(work))
        paths: list[tuple[str, str, Runner, str, int, int]] = [
            (PATH_PUBLISHED, BARE, bare["host"], "127.0.0.1", 18080, 15201),
            (PATH_LINK, BARE, bare["client"], "10.97.0.2", 83, 5201),
        ]
        for engine in engines:
            stack.callback(engine.clean)
            paths += _engine_paths(engine)
        time.sleep(1)
        for _ in range(rounds):
            for label, who, runner, host, web, stream in paths:
                _one(label, who, runner, (host, web, stream), seconds, results)
    for case in sorted(results):
        if " via " in case:
            note(f"{case}: " + ", ".join(f"{who} {max(values):.1f}" for who, values in results[case].items()))


def _engine_paths(engine: Engine) -> list[tuple[str, str, Runner, str, int, int]]:
    """Each path has a server port of its own: a translated and an untranslated path to one server socket collide in
    TIME_WAIT and stall for a second."""
    engine.clean()
    server, client = f"{PREFIX}-srv", f"{PREFIX}-cli"
    engine.run(
        "run", "-d", "--name", server, "-p", "18080:80", "-p", "15201:5201", "--expose", "81-85", "--expose", "5201",
        NET, "sh", "-c", "iperf3 -s -D; exec nginx",
    )  # fmt: skip
    link = ("--link", f"{server}:web") if engine.links else ()
    engine.run("run", "-d", "--name", client, *link, NET, "sleep", "3600")
    name = "web" if engine.links else engine.run("inspect", "-f", "{{.NetworkSettings.IPAddress}}", server)

    def inside(*argv: str) -> str:
        return engine.run("exec", client, *argv, check=False)

    return [
        (PATH_PUBLISHED, engine.name, engine.on_host, "127.0.0.1", 18080, 15201),
        (PATH_LINK, engine.name, inside, name, 83, 5201),
    ]


def _one(label: str, who: str, runner: Runner, target: tuple[str, int, int], seconds: int, results: Results) -> None:
    host, web, stream = target
    url = f"http://{host}:{web}/"
    for case, connections in (("req/s, 16 connections", CONNECTIONS), ("req/s, 1 connection", 1)):
        text = runner("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url)
        for line in text.splitlines():
            if line.startswith("Requests/sec:"):
                results.setdefault(f"{case} via {label}", {}).setdefault(who, []).append(float(line.split()[1]))
    with contextlib.suppress(ValueError, KeyError):
        text = runner("iperf3", "-J", "-c", host, "-p", str(stream), "-t", str(seconds))
        speed = json.loads(text[text.index("{") :])["end"]["sum_received"]["bits_per_second"] / 1e9
        results.setdefault(f"Gbit/s via {label}", {}).setdefault(who, []).append(speed)


@contextlib.contextmanager
def _bare(work: Path):  # type: ignore[no-untyped-def]
    host, server, client = "pbh", "pbs", "pbc"
    processes: list[subprocess.Popen[bytes]] = []
    directory = work / "bare"
    directory.mkdir(parents=True, exist_ok=True)

    def entering(netns: str) -> Runner:
        def runner(*argv: str, timeout_s: float = 60) -> str:
            return shell.run("nsenter", f"--net=/run/netns/{netns}", *argv, check=False, timeout_s=timeout_s)

        return runner

    try:
        _lay(host, server, client)
        conf = directory / "nginx.conf"
        conf.write_text(images.nginx_conf(directory / "pid"))
        for argv in (("nginx", "-c", str(conf)), ("iperf3", "-s")):
            processes.append(
                subprocess.Popen(
                    ["nsenter", f"--net=/run/netns/{server}", *argv],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        yield {"host": entering(host), "client": entering(client)}
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        for netns in (host, server, client):
            shell.run("ip", "netns", "del", netns, check=False)
        shutil.rmtree(directory, ignore_errors=True)


def _lay(host: str, server: str, client: str) -> None:
    for netns in (host, server, client):
        shell.run("ip", "netns", "add", netns)
        shell.run("ip", "-n", netns, "link", "set", "lo", "up")
    shell.run("ip", "-n", host, "link", "add", "br0", "type", "bridge")
    shell.run("ip", "-n", host, "addr", "add", "10.97.0.1/24", "dev", "br0")
    shell.run("ip", "-n", host, "link", "set", "br0", "up")
    for netns, number in ((server, 2), (client, 3)):
        here = f"v{number}"
        shell.run_all([
            ["ip", "-n", host, "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", netns],
            ["ip", "-n", host, "link", "set", here, "master", "br0", "up"],
            ["ip", "-n", netns, "addr", "add", f"10.97.0.{number}/24", "dev", "eth0"],
            ["ip", "-n", netns, "link", "set", "eth0", "up"],
            ["ip", "-n", netns, "route", "add", "default", "via", "10.97.0.1"],
        ])  # fmt: skip
    enter = ["nsenter", f"--net=/run/netns/{host}"]
    shell.run(*enter, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.br0.route_localnet=1")
    # Bridged packets meet the inet hooks, and so connection tracking, only through br_netfilter.
    shell.run(*enter, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", check=False)
    shell.run(*enter, "nft", "-f", "-", text=_RULES)
