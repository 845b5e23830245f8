"""Docker's own client beyond the guide (whose rows it plays in integration/guide): verbs, texts and exit codes."""

from __future__ import annotations

import io
import json
import tarfile
import time

import pytest

from testbed.engine import Client, Engine, until

pytestmark = pytest.mark.root


@pytest.fixture
def docker(shared_engine: Engine) -> Client:
    return shared_engine.client("docker")


def test_version_and_info_speak_of_a_server(docker: Client) -> None:
    assert json.loads(docker.do("version", "--format", "{{json .Server}}"))["ApiVersion"]
    assert docker.do("info", "--format", "{{.OSType}}") == "linux"


@pytest.mark.parametrize(("words", "code"), [(["true"], 0), (["false"], 1), (["sh", "-c", "exit 42"], 42)])
def test_run_ends_with_the_exit_code_of_the_process(docker: Client, words: list[str], code: int) -> None:
    assert docker.attempt("run", "--rm", "box", *words).code == code


def test_run_i_passes_stdin_and_keeps_the_streams_apart(docker: Client) -> None:
    result = docker.attempt("run", "-i", "--rm", "box", "sh", "-c", "cat; echo wrong >&2", stdin="right\n")
    assert (result.out, result.err) == ("right\n", "wrong\n")


def test_a_megabyte_through_stdin_and_stdout_is_whole(docker: Client) -> None:
    data = "0123456789abcdef" * 65536
    assert docker.attempt("run", "-i", "--rm", "box", "cat", stdin=data).out == data


def test_logs_tail_timestamps_and_follow(docker: Client) -> None:
    docker.do("run", "-d", "--name", "it", "box", "sh", "-c", "for i in 1 2 3; do echo $i; done; sleep 1; echo 4")
    until(lambda: docker.do("logs", "it").endswith("3"))
    assert docker.do("logs", "--tail", "2", "it") == "2\n3"
    assert docker.do("logs", "-t", "--tail", "1", "it")[:4].isdigit()
    assert docker.do("logs", "-f", "it") == "1\n2\n3\n4"


def test_exec_runs_with_env_directory_user_and_exit_code(docker: Client) -> None:
    docker.do("run", "-d", "--name", "it", "box", "sleep", "60")
    assert docker.do("exec", "-e", "A=b", "-w", "/tmp", "it", "sh", "-c", "echo $A $PWD") == "b /tmp"
    assert docker.do("exec", "-u", "1000:1000", "it", "id", "-u") == "1000"
    assert docker.attempt("exec", "it", "sh", "-c", "exit 9").code == 9


@pytest.mark.parametrize("terminal", [(), ("-t",)])
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("it", "nosuch"), 127, 'exec: "nosuch": executable file not found in $PATH: unknown'),
        (("it", "/etc"), 126, 'exec: "/etc": permission denied: unknown'),
        (("-w", "/nosuch", "it", "pwd"), 127, 'chdir to cwd ("/nosuch") set in config.json failed: no such file or'),
        (("-u", "nosuch", "it", "pwd"), 126, "unable to find user nosuch: no matching entries in passwd file"),
    ],
)
def test_exec_that_cannot_start_says_why_once_and_on_stdout(
    docker: Client, terminal: tuple[str, ...], words: tuple[str, ...], code: int, why: str
) -> None:
    docker.do("run", "-d", "--name", "it", "box", "sleep", "60")
    outcome = docker.attempt("exec", *terminal, *words)
    assert outcome.code == code
    assert why in outcome.out
    assert len(outcome.out.splitlines()) == 1
    assert outcome.err == ""


def test_detached_exec_that_cannot_start_is_refused(docker: Client) -> None:
    docker.do("run", "-d", "--name", "it", "box", "sleep", "60")
    outcome = docker.attempt("exec", "-d", "it", "nosuch")
    assert outcome.code == 1
    assert 'exec: "nosuch": executable file not found in $PATH' in outcome.err
    assert docker.attempt("exec", "-d", "it", "true").code == 0


def test_wrong_filter_values_are_refused_also_where_nothing_is(docker: Client) -> None:
    for words, why in (
        (("volume", "ls", "-f", "dangling=x"), "invalid filter 'dangling=[x]'"),
        (("network", "ls", "-f", "type=x"), "invalid filter: 'type'='x'"),
        (("container", "prune", "-f", "--filter", "until=x"), 'failed to parse value as time or duration: "x"'),
    ):
        outcome = docker.attempt(*words)
        assert (outcome.code, why in outcome.err) == (1, True), outcome


def test_logs_of_the_driver_none_are_refused_with_a_status(docker: Client) -> None:
    docker.do("run", "--name", "it", "--log-driver", "none", "box", "true")
    outcome = docker.attempt("logs", "it")
    assert (outcome.code, outcome.out) == (1, "")
    assert "Error response from daemon: configured logging driver does not support reading" in outcome.err


def test_pause_stops_time_and_unpause_goes_on(docker: Client) -> None:
    docker.do("run", "-d", "--name", "it", "box", "sleep", "60")
    docker.do("pause", "it")
    assert docker.do("ps", "--format", "{{.Status}}").endswith("(Paused)")
    assert docker.attempt("exec", "it", "true").code == 1
    docker.do("unpause", "it")
    assert docker.attempt("exec", "it", "true").code == 0


def test_wait_and_restart_policy_and_stop(docker: Client) -> None:
    docker.do("run", "-d", "--name", "it", "box", "sh", "-c", "exit 4")
    assert docker.do("wait", "it") == "4"
    docker.do("run", "-d", "--name", "again", "--restart", "on-failure:2", "box", "sh", "-c", "exit 1")
    until(
        lambda: docker.do("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again") == "2 exited", timeout_s=15
    )
    docker.do("run", "-d", "--name", "stops", "box", "sh", "-c", "trap 'exit 6' TERM; sleep 60 & wait")
    until(lambda: "sleep" in docker.do("top", "stops"))
    docker.do("stop", "stops")
    assert docker.do("inspect", "-f", "{{.State.ExitCode}}", "stops") == "6"


def test_volumes_live_on_and_bind_mounts_show_the_host(docker: Client, shared_engine: Engine) -> None:
    docker.do("run", "--rm", "-v", "data:/data", "box", "sh", "-c", "echo kept > /data/file")
    assert docker.do("run", "--rm", "-v", "data:/data:ro", "box", "cat", "/data/file") == "kept"
    assert docker.attempt("run", "--rm", "-v", "data:/data:ro", "box", "touch", "/data/x").code == 1
    (shared_engine.root / "bound").mkdir(exist_ok=True)
    docker.do("run", "--rm", "-v", f"{shared_engine.root}/bound:/b", "box", "sh", "-c", "echo out > /b/file")
    assert (shared_engine.root / "bound" / "file").read_text() == "out\n"


def test_hostname_directory_user_and_environment_take_effect(docker: Client) -> None:
    words = ["run", "--rm", "-h", "named", "-w", "/tmp", "-u", "1000", "-e", "V=1"]
    assert docker.do(*words, "box", "sh", "-c", "hostname; pwd; id -u; echo $V").split() == [
        "named",
        "/tmp",
        "1000",
        "1",
    ]


def test_a_read_only_container_writes_to_its_tmpfs_alone(docker: Client) -> None:
    script = "touch /x 2>&1 | grep -o Read-only; touch /t/x && echo written"
    words = ["run", "--rm", "--read-only", "--tmpfs", "/t", "box", "sh", "-c", script]
    assert docker.do(*words).split() == ["Read-only", "written"]


def test_memory_and_process_limits_hold(docker: Client) -> None:
    hungry = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"]
    assert docker.attempt("run", "--rm", "box", *hungry).code == 0
    limits = ["--memory", "20m", "--memory-swap", "20m"]
    assert docker.attempt("run", *limits, "--rm", "box", *hungry).code == 137
    many = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"
    assert "fork" in docker.attempt("run", "--pids-limit", "4", "--rm", "box", "sh", "-c", many).err


def test_default_confinement(docker: Client) -> None:
    script = (
        "grep -E '^(CapEff|Seccomp):' /proc/self/status; cat /proc/kcore 2>/dev/null | wc -c; mount -t tmpfs x /tmp"
    )
    result = docker.attempt("run", "--rm", "box", "sh", "-c", script)
    assert result.out.split() == ["CapEff:", "00000000a80425fb", "Seccomp:", "2", "0"]
    assert result.code != 0


def test_build_load_save_import_and_history(docker: Client, shared_engine: Engine) -> None:
    context = shared_engine.root / "cli-build"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text('ARG V=1\nFROM box\nARG V\nRUN echo $V > /v\nENTRYPOINT ["cat"]\nCMD ["/v"]\n')
    said = docker.do("build", "-t", "cli:1", "--build-arg", "V=7", str(context))
    assert "Successfully tagged cli:1" in said
    assert docker.do("run", "--rm", "cli:1") == "7"
    assert "Using cache" in docker.do("build", "-t", "cli:1", "--build-arg", "V=7", str(context))
    assert 'CMD ["/v"]' in docker.do("history", "--no-trunc", "cli:1")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"hi\n"))
    docker.do("import", "-", "imported:1", stdin=buffer.getvalue())
    assert "imported" in docker.do("images", "--format", "{{.Repository}}")
    docker.do("rmi", "cli:1", "imported:1")


def test_events_tell_the_life_of_a_container(docker: Client) -> None:
    since = int(time.time())
    docker.do("run", "--rm", "--name", "brief", "box", "true")
    span = ["--since", str(since), "--until", str(int(time.time()) + 1)]
    told = docker.do("events", *span, "--filter", "container=brief", "--format", "{{.Type}} {{.Action}}")
    actions = ["create", "attach", "start", "die", "destroy"]
    assert told.splitlines() == [f"container {action}" for action in actions]


def test_a_network_of_ones_own_is_open_inside(docker: Client) -> None:
    docker.do("network", "create", "mine")
    docker.do("run", "-d", "--name", "one", "--network", "mine", "training/webapp", "python", "app.py")
    address = docker.do("inspect", "-f", "{{.NetworkSettings.Networks.mine.IPAddress}}", "one")
    page = ["run", "--rm", "--network", "mine", "box", "wget", "-q", "-O", "-", f"http://{address}:5000/"]
    assert until(lambda: docker.attempt(*page).out) == "Hello world!\n"
    assert docker.attempt("network", "rm", "mine").code == 1


def test_lists_show_an_image_by_its_id_once_its_name_is_gone(docker: Client) -> None:
    docker.do("tag", "box", "passing:1")
    docker.do("run", "-d", "--name", "it", "passing:1", "sleep", "60")
    image = docker.do("inspect", "-f", "{{.Image}}", "it")
    assert docker.do("ps", "--format", "{{.Image}}") == "passing:1"
    docker.do("rmi", "passing:1")
    assert docker.do("ps", "--format", "{{.Image}}") == image.removeprefix("sha256:")[:12]
    assert docker.do("inspect", "-f", "{{.Config.Image}}", "it") == "passing:1"
    docker.do("tag", "box", "passing:1")
    assert docker.do("ps", "--format", "{{.Image}}") == "passing:1"
    docker.do("rmi", "passing:1")


def test_propagation_is_of_host_paths_alone(docker: Client) -> None:
    outcome = docker.attempt("run", "--rm", "-v", "some:/d:shared", "box", "true")
    assert (outcome.code, "field BindOptions must not be specified" in outcome.err) == (125, True)
    assert docker.do("volume", "ls", "-q") == ""
