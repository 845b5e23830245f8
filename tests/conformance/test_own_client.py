"""Our own client says what docker's says: the same command lines, to the same daemon, compared word for word."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from testbed.engine import CLEAN_ENV, LAUNCHER, Engine, Result, until

pytestmark = pytest.mark.root

LISTS = r"""
ps
ps -aq
ps -as
ps -l
ps -n 1
ps -a --format json
ps -a --format "{{.ID}}: {{.Names}} {{.Labels}} {{.Label \"a\"}} {{.Mounts}} {{.State}} {{.LocalVolumes}} {{.Command}}"
ps -a --format "{{.Names}} {{.Size}}"
ps -a --format "table {{.ID}}\t{{.Names}}\t{{.Ports}}"
ps -a --format "table {{.Names}}\t{{.Nope}}"
ps -a --format "{{json.}}"
ps -a --format "{{"
ps --filter nope=x
images
images -q --no-trunc
images --format "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}} {{.Containers}}"
images nope
history --human=false box
history --platform linux/arm64 box
network ls --format "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.IPv6}} {{.Labels}}"
network ls --filter nope=x
volume ls --format json
volume ls --filter label
system df
system df --format json
inspect web --format "{{json .Config.Env}}"
inspect --size -f "{{.SizeRw}}" nope web
inspect -f {{.Nope}} web
image inspect --platform linux/arm64 box
container inspect nope
port web
port web 53/udp
port web 99
port web foo
top web -o pid,comm
diff done
logs -t --tail 0 done
logs --since nope done
logs nope
stats --no-stream nope
events --since nope
events --since 1h --until 0s --filter container=web --filter event=create --format json
info --format "{{.Nope}}"
version --format "{{.Nope}}"
version --format {{.Server.APIVersion}}
"""

REFUSALS = r"""
start nope nope2
start -a web web
start --checkpoint x web
stop nope done
stop -t x web
restart nope
kill -s NOPE web
kill done
pause done
unpause web
rm web
rm -f nope
rename web done
rename web ""
wait nope
attach done
exec done true
exec web nosuch
exec -u nope web id
exec -w /nope web pwd
exec --env-file /nope web true
exec -t web
exec
update --cpus 0.5 nope
update web
update --memory 1 web
commit web UPPER
cp nope:/x /tmp
cp web:/nope /tmp
cp a b
cp web:/a done:/b
export nope
tag box a:b:c
rmi nope
rmi --platform linux/arm64 box
save nope
save --platform a/b/c/d box
save --platform linux/arm64 box
load -i /nope
import /nope
pull UPPER
push nope
search a b
images --tree -q
network create --ingress it
network create --subnet nope it
network create -d nope it
network rm nope
network connect nope web
network disconnect nope web
volume create -d nope it
volume create a/b
volume rm nope
login --username x
"""

CREATIONS = r"""
run
run --nope box
run -Z box
run --name web box
run --rm box nosuch
run --rm box /etc/passwd
run --rm box sh -c "exit 3"
run --rm box sh -c "kill -9 $$"
run --pull never --rm nope
run --pull nope --rm box
run --rm --cidfile /nope/x box true
run --rm --env-file /nope box
run --rm -v a:b:c:d box
run --rm -p nope box
run --rm -p 1-3:1-2 box
run --rm --link a:b:c box
run --rm --network nope box
run --rm --memory x box
run --rm --cpu-count 1 box
run --rm --restart always box
run --rm --gpus all box true
run --rm --gpus count=x box true
run --rm --gpus count=1,count=2 box true
run --rm --io-maxiops -1 box true
run --rm --device x:y:z:w box true
run --rm --security-opt nope box true
run --rm --ulimit nofile=1:0 box true
run --rm --sysctl nope=1 box true
run --rm --mount nope box true
run --rm --mount type=bind,src=/nope,dst=/x box true
run --rm --log-driver nope box true
run --rm --user nope box true
run --rm --dns nope box true
run --rm --mac-address nope box true
run --rm --platform a/b/c/d box true
run --rm --platform linux/arm64 box true
run --rm --health-interval 1ns box true
run --rm -a nope box true
run -d -a stdout box true
run --rm -it box true
create --name web box
container nope
image nope
nope
--nope
--log-level nope ps
-c nope ps
help nope
help run x
"""

PROMPTS = r"""
container prune
image prune -a
network prune
volume prune -a
system prune --filter until=24h --filter label=x
system prune --all --volumes
system prune --volumes --filter until=1h
"""


@pytest.mark.clients
@pytest.mark.parametrize(
    "lines", [LISTS, REFUSALS, CREATIONS, PROMPTS], ids=["lists", "refusals", "creations", "prompts"]
)
def test_our_client_says_what_dockers_says(shared_engine: Engine, lines: str) -> None:
    shared_engine.do("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", "-p", "53:53/udp", "--expose", "443",
                     "--label", "a=b", "-e", "X=y", "box", "sleep", "1000")  # fmt: skip
    shared_engine.cli("run", "--name", "done", "box", "sh", "-c", "echo out; echo err >&2; exit 3")
    shared_engine.do("volume", "create", "--label", "k=v", "vol")
    until(lambda: "Up" in shared_engine.do("ps", "--format", "{{.Status}}"))
    different = []
    for line in lines.strip().splitlines():
        docker, ours = (_say(shared_engine, client, line) for client in ("docker", "fairlead"))
        if docker != ours:
            different.append(f"{line}\n  docker:   {docker}\n  fairlead: {ours}")
    assert not different, "\n".join(different)


def _say(engine: Engine, client: str, line: str) -> Result:
    said = engine.client(client).attempt(*shlex.split(line), stdin="n\n")
    return Result(said.code, _neutral(said.out), _neutral(said.err))


def _neutral(text: str) -> str:
    """Without the client's own name, times gone by, and ids that are new every time."""
    text = text.replace("docker", "fairlead").replace("Docker", "Fairlead")
    text = re.sub(r"\b[0-9a-f]{64}\b", "<id>", text)
    text = re.sub(r"(\d+|an?|About an?|Less than a) (second|minute|hour)s?( ago)?", "<time>", text)
    return re.sub(r" {2,}", "  ", text)  # as wide as the times were


def test_what_the_users_configuration_says_is_done(shared_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"psFormat": "<{{.Names}}>", "imagesFormat": "{{.Repository}}!", "pruneFilters": ["label=gone"],'
        ' "proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "x"}}}'
    )
    ours = shared_engine.client("fairlead")

    def do(*words: str) -> str:
        return ours.do("--config", str(tmp_path), *words)

    do("run", "--name", "it", "--label", "gone=", "box", "true")
    do("run", "--name", "kept", "box", "true")
    assert do("ps", "-a") == "<kept>\n<it>"
    assert "box!" in do("images").splitlines()
    environment = do("run", "--rm", "-e", "no_proxy=mine", "box", "env").splitlines()
    assert {"HTTP_PROXY=http://p:1", "http_proxy=http://p:1", "NO_PROXY=x", "no_proxy=mine"} <= set(environment)
    do("container", "prune", "-f")
    assert do("ps", "-a") == "<kept>"


def test_detach_keys_of_the_configuration_leave_an_attached_terminal(shared_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"detachKeys": "ctrl-x,y"}')
    ours = shared_engine.client("fairlead")
    with ours.terminal("--config", str(tmp_path), "run", "-it", "--name", "it", "box", "cat") as terminal:
        terminal.type("hello\n")
        terminal.expect("hello\r\nhello")
        terminal.type("\x18y")
        assert terminal.wait() == 0
    assert ours.do("ps", "-q", "--filter", "name=it")


def test_a_container_that_may_use_the_api_has_socket_and_credentials(shared_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"r.example": {"auth": "dTpw"}}}')
    words = ("run", "--rm", "--use-api-socket", "box", "sh", "-c",
             "test -S /var/run/docker.sock && echo $DOCKER_CONFIG && cat $DOCKER_CONFIG/config.json")  # fmt: skip
    said = shared_engine.do("--config", str(tmp_path), *words)
    assert said.splitlines()[0] == "/run/secrets/docker"
    assert '"username":"u"' in said.splitlines()[1]


def test_a_daemon_is_reached_over_ssh(shared_engine: Engine, tmp_path: Path) -> None:
    """ssh is one of our own here: it notes its options and runs the rest on this machine."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do echo "$1" >>"$NOTES"; shift; done\nshift 2\nexec "$@"\n')
    ssh.chmod(0o755)
    host = f"ssh://captain@far.example:2222{shared_engine.daemon_socket}"
    env = {"PATH": f"{tmp_path}:{LAUNCHER.parent}:{CLEAN_ENV['PATH']}", "NOTES": str(tmp_path / "notes")}
    ours = shared_engine.client("fairlead")
    assert ours.attempt("-H", host, "version", "--format", "{{.Server.Os}}", env=env).out == "linux\n"
    data = "0123456789abcdef" * 65536
    back = ours.attempt("-H", host, "run", "-i", "--rm", "box", "sh", "-c", "cat; exit 3", stdin=data, env=env)
    assert (back.code, back.out == data) == (3, True)
    assert (tmp_path / "notes").read_text().split()[:6] == ["-o", "ConnectTimeout=30", "-T", "-l", "captain", "-p"]


def test_a_load_takes_the_images_of_the_platform_that_is_asked_for(shared_engine: Engine, tmp_path: Path) -> None:
    archive = str(tmp_path / "box.tar")
    shared_engine.do("save", "-o", archive, "--platform", "linux/amd64", "box")
    refused = shared_engine.cli("load", "--platform", "linux/arm64", "-i", archive)
    assert (refused.code, "does not provide the specified platform" in refused.err) == (1, True)
    assert "Loaded image: box:latest" in shared_engine.do("load", "--platform", "linux/amd64", "-i", archive)


def test_caches_of_builds_that_were_used_lately_outlive_a_prune(shared_engine: Engine, tmp_path: Path) -> None:
    step = "RUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/x bs=1M count=2"
    (tmp_path / "Dockerfile").write_text(f"FROM box\n{step}\n")
    shared_engine.do("build", "-q", str(tmp_path))
    for spared in (("--filter", "until=1h"), ("--keep-storage", "1GB")):
        assert shared_engine.do("builder", "prune", "-f", *spared) == "Total reclaimed space: 0B"
    assert "Total reclaimed space: 2.0" in shared_engine.do("builder", "prune", "-f", "--keep-storage", "1MB")
