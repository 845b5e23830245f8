"""G5 to G12: what a link shows, opens and passes on."""

from __future__ import annotations

import re

from transcript import RowFailed, Transcript

from testbed import host
from testbed.engine import until


def database(t: Transcript, *flags: str) -> str:
    """The guide's `db`: publishes nothing. Returns its id once it serves."""
    container_id = t.fairlead("run", "-d", "--name", "db", *flags, "training/postgres")
    until(lambda: "ready to accept" in t.engine.cli("logs", "db").text, timeout_s=60, what="PostgreSQL serves")
    return container_id


def link_forms(t: Transcript) -> None:
    container_id = database(t)
    t.fairlead("run", "-d", "-P", "--name", "web", "--link", "db:db", "training/webapp", "python", "app.py")
    shown = t.fairlead("inspect", "-f", "{{ .HostConfig.Links }}", "web")
    t.check(shown == "[/db:/web/db]", "inspect shows [/db:/web/db]")
    t.fairlead("run", "-d", "--name", "two", "--link", "db", "--link", f"{container_id[:12]}:webdb", "training/webapp")
    shown = t.fairlead("inspect", "-f", "{{ .HostConfig.Links }}", "two")
    t.check(set(shown.strip("[]").split()) == {"/db:/two/db", "/db:/two/webdb"}, "several aliases, by name and by id")


def only_the_linked(t: Transcript) -> None:
    database(t)
    t.fairlead("run", "-d", "-P", "--name", "web", "--link", "db:db", "training/webapp", "python", "app.py")
    t.fairlead("run", "-d", "--name", "stranger", "training/webapp", "python", "app.py")
    address = t.engine.address("db")
    page = t.fetch(t.engine.host.here, "on the host", f"http://127.0.0.1:{t.engine.host_port('web')}/database")
    t.check("PostgreSQL" in (page or ""), "web asked PostgreSQL over the link; db publishes no port")
    t.check(t.reaches("web", address, 5432), "the linked consumer gets in")
    t.check(not t.reaches("stranger", address, 5432), "an unlinked container of the same bridge does not")
    t.check(not t.far_reaches(address, 5432), f"another machine with a route to {address} does not")
    t.check(not t.far_reaches(host.ADDRESS, 5432), "nor by the host's address")
    t.check(t.far_reaches(host.ADDRESS, t.engine.host_port("web")), "though it does reach what web publishes")
    t.check(not t.reaches("db", t.engine.address("web"), 5000), "a link is no way back")


def four_ports(t: Transcript) -> None:
    database(t, "--expose", "80", "--expose", "443", "--expose", "53/udp")
    printed = t.fairlead("run", "--rm", "--name", "web", "--link", "db:webdb", "training/webapp", "env", quiet=True)
    block = sorted(line for line in printed.splitlines() if line.startswith("WEBDB_"))
    for line in block:
        t.say(f"    {line}")
    t.check("WEBDB_NAME=/web/webdb" in block, "WEBDB_NAME is the link's name")
    each = [line for line in block if re.match(r"WEBDB_PORT_\d+_(TCP|UDP)", line)]
    three = [line for line in each if re.search(r"_(ADDR|PORT|PROTO)=", line)]
    t.check((len(each), len(three)) == (16, 12), "four ports: sixteen lines, twelve of them the guide's three each")


def first_port(t: Transcript) -> None:
    database(t, "--expose", "53/udp", "--expose", "53/tcp", "--expose", "7000-7003")
    printed = t.fairlead("run", "--rm", "--link", "db:db", "training/webapp", "env", quiet=True).splitlines()
    address = t.engine.address("db")
    for wanted in (f"DB_PORT=tcp://{address}:53", f"DB_PORT_7000_TCP_END=tcp://{address}:7003"):
        t.check(wanted in printed, wanted)


def sources_environment(t: Transcript) -> None:
    database(t, "-e", "GREETING=good day")
    words = ["run", "--rm", "--link", "db:db", "-e", "DB_ENV_PGUSER=mine", "training/webapp", "env"]
    printed = [line for line in t.fairlead(*words, quiet=True).splitlines() if line.startswith("DB_ENV_")]
    for line in printed:
        t.say(f"    {line}")
    t.check("DB_ENV_GREETING=good day" in printed, "the source's variables come along")
    t.check("DB_ENV_PGUSER=mine" in printed, "the consumer's own -e wins")
    t.check(not any(line.startswith(("DB_ENV_HOME", "DB_ENV_PATH")) for line in printed), "HOME and PATH stay behind")


def guides_block(t: Transcript) -> None:
    database(t)
    printed = t.fairlead("run", "--rm", "--name", "web2", "--link", "db:db", "training/webapp", "env").splitlines()
    address = t.engine.address("db")
    wanted = {
        "DB_NAME=/web2/db",
        f"DB_PORT=tcp://{address}:5432",
        f"DB_PORT_5432_TCP=tcp://{address}:5432",
        "DB_PORT_5432_TCP_PROTO=tcp",
        "DB_PORT_5432_TCP_PORT=5432",
        f"DB_PORT_5432_TCP_ADDR={address}",
    }
    t.check(wanted <= set(printed), "the guide's six lines")


def hosts_file(t: Transcript) -> None:
    source = database(t)
    t.fairlead("run", "-d", "--name", "web", "--link", "db:webdb", "training/webapp", "python", "app.py")
    lines = t.fairlead("exec", "web", "cat", "/etc/hosts").splitlines()
    t.check(f"{t.engine.address('db')}\twebdb {source[:12]} db" in lines, "address, alias, short id, name")


def shell(t: Transcript) -> None:
    database(t)
    words = ("run", "-t", "-i", "--rm", "--link", "db:webdb", "training/webapp", "/bin/bash")
    t.say("$ fairlead " + " ".join(words))
    with t.engine.client("fairlead").terminal(*words) as terminal:
        terminal.expect("# ", 20)
        for line, answer in (
            ("apt-get install -yqq inetutils-ping; echo installed: $?", "installed: 0"),
            ("ping -c 1 webdb", " 0% packet loss"),
        ):
            terminal.type(line + "\n")
            t.say(f"    root# {line}")
            shown = terminal.expect(answer, 180).replace("\r", "")
            for text in shown.splitlines()[-3:]:
                t.say(f"    {text}")
        terminal.type("exit\n")
        if terminal.wait() != 0:
            raise RowFailed("the shell did not end with 0")
    t.check(True, "outbound network, names, a terminal, and ping over the link")


ROWS = [
    ("G5", "Links by name, id and alias; how inspect shows them", link_forms),
    ("G6", "Only the linked consumer reaches the source", only_the_linked),
    ("G7", "Variables: name, and four for each exposed port", four_ports),
    ("G8", "<ALIAS>_PORT is the lowest number, tcp on a tie; ranges", first_port),
    ("G9", "The source's own variables", sources_environment),
    ("G10", "The guide's block of env", guides_block),
    ("G11", "/etc/hosts of the consumer", hosts_file),
    ("G12", "A shell: apt-get install inetutils-ping, ping webdb", shell),
]
