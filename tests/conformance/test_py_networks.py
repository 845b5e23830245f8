"""docker-py: networks and volumes, and what is said about the engine as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import APIError, NotFound
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

from testbed.engine import Engine, until

pytestmark = [pytest.mark.root, pytest.mark.clients]


def sleeper(client: Any, name: str, **options: Any) -> Any:
    return client.containers.run("box", "sleep 60", detach=True, name=name, **options)


def serve(client: Any, name: str, **options: Any) -> Any:
    return client.containers.run("training/postgres", detach=True, name=name, **options)


def reach(container: Any, target: str, port: int = 5432) -> str:
    code, output = container.exec_run(["sh", "-c", f"nc -w 1 {target} {port} </dev/null"])
    return output.decode().strip() if code == 0 else ""


def endpoint(container: Any, network: str) -> dict[str, Any]:
    container.reload()
    found: dict[str, Any] = container.attrs["NetworkSettings"]["Networks"][network]
    return found


# --- networks -----------------------------------------------------------------------------------------------------


def test_the_predefined_networks_are_there(client: Any) -> None:
    networks = {network.name: network.attrs for network in client.networks.list()}
    assert {name: networks[name]["Driver"] for name in ("bridge", "host", "none")} == {
        "bridge": "bridge", "host": "host", "none": "null",
    }  # fmt: skip
    assert networks["bridge"]["Options"]["com.docker.network.bridge.default_bridge"] == "true"


def test_create_inspect_and_remove(client: Any) -> None:
    made = client.networks.create("n1", labels={"a": "b"}, internal=True, attachable=True)
    attrs = client.networks.get("n1").attrs
    assert (attrs["Id"], attrs["Driver"], attrs["Scope"]) == (made.id, "bridge", "local")
    assert (attrs["Internal"], attrs["Attachable"], attrs["Ingress"]) == (True, True, False)
    assert (attrs["Labels"], attrs["Containers"], attrs["EnableIPv6"]) == ({"a": "b"}, {}, False)
    assert client.networks.get(made.id[:12]).name == "n1"
    made.remove()
    with pytest.raises(NotFound, match="network n1 not found"):
        client.networks.get("n1")


def test_a_subnet_of_ones_own_gives_the_addresses(client: Any) -> None:
    pool = IPAMPool(subnet="10.77.0.0/16", iprange="10.77.5.0/24", gateway="10.77.0.254")
    client.networks.create("n1", ipam=IPAMConfig(pool_configs=[pool]))
    it = sleeper(client, "it", network="n1")
    end = endpoint(it, "n1")
    assert end["IPAddress"].startswith("10.77.5.")
    assert (end["Gateway"], end["IPPrefixLen"]) == ("10.77.0.254", 16)
    assert it.exec_run("ip route").output.startswith(b"default via 10.77.0.254")


def test_an_address_of_ones_own(client: Any) -> None:
    client.networks.create("n1", ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.78.0.0/24")]))
    config = {"n1": EndpointConfig("1.43", ipv4_address="10.78.0.77")}
    it = client.containers.create("box", "sleep 60", name="it", network="n1", networking_config=config)
    it.start()
    assert endpoint(it, "n1")["IPAddress"] == "10.78.0.77"
    assert b"10.78.0.77" in it.exec_run("hostname -i").output


def test_names_and_aliases_resolve_inside_and_nowhere_else(client: Any) -> None:
    client.networks.create("n1")
    serve(client, "db", network="n1", networking_config={"n1": EndpointConfig("1.43", aliases=["store"])})
    inside, outside = sleeper(client, "inside", network="n1"), sleeper(client, "outside")
    assert until(lambda: reach(inside, "db")).startswith("postgres of")
    assert reach(inside, "store") == reach(inside, "db")
    assert reach(outside, "db") == ""


def test_networks_are_apart(client: Any) -> None:
    for name in ("n1", "n2"):
        client.networks.create(name)
    db, other = serve(client, "db", network="n1"), sleeper(client, "other", network="n2")
    near = sleeper(client, "near", network="n1")
    address = endpoint(db, "n1")["IPAddress"]
    assert until(lambda: reach(near, address)).startswith("postgres of")
    assert reach(other, address) == ""


def test_connect_and_disconnect_while_it_runs(client: Any) -> None:
    network = client.networks.create("n1")
    db, it = serve(client, "db", network="n1"), sleeper(client, "it")
    network.connect(it, aliases=["me"])
    assert sorted(client.containers.get("it").attrs["NetworkSettings"]["Networks"]) == ["bridge", "n1"]
    assert until(lambda: reach(it, "db")).startswith("postgres of")
    assert "me" in endpoint(it, "n1")["Aliases"]
    assert set(client.networks.get("n1").attrs["Containers"]) == {db.id, it.id}
    network.disconnect(it)
    assert reach(it, endpoint(db, "n1")["IPAddress"]) == ""
    assert set(client.networks.get("n1").attrs["Containers"]) == {db.id}


def test_connect_with_an_address_and_a_link(client: Any) -> None:
    network = client.networks.create("n1", ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.79.0.0/24")]))
    serve(client, "db", network="n1")
    it = sleeper(client, "it", network="none")
    client.networks.get("none").disconnect(it)
    network.connect(it, ipv4_address="10.79.0.50", links=[("db", "store")])
    assert endpoint(it, "n1")["IPAddress"] == "10.79.0.50"
    assert until(lambda: reach(it, "store")).startswith("postgres of")


def test_own_lines_of_the_hosts_file_follow_connect_and_disconnect(client: Any, shared_engine: Engine) -> None:
    it = sleeper(client, "it", hostname="it.test")
    network = client.networks.create("n1")

    def own() -> list[str]:
        return [line for line in it.exec_run("cat /etc/hosts")[1].decode().splitlines() if "it.test" in line]

    network.connect(it)
    ends = [endpoint(it, name)["IPAddress"] for name in ("bridge", "n1")]
    assert own() == [f"{address}\tit.test it" for address in ends]
    network.disconnect(it)
    if shared_engine.ours:  # Docker 20.10 forgot the second one; later ones do not
        assert own() == [f"{ends[0]}\tit.test it"]


def test_an_internal_network_has_no_way_out(client: Any) -> None:
    client.networks.create("n1", internal=True)
    it = sleeper(client, "it", network="n1")
    assert b"default" not in it.exec_run("ip route").output
    assert b"unreachable" in it.exec_run(["sh", "-c", "ping -c 1 -W 1 203.0.113.1 2>&1; true"]).output


NETWORKS: list[tuple[str, dict[str, Any], int, str]] = [
    ("bridge", {}, 403, r"operation is not permitted on pre-?defined bridge network"),
    ("taken", {}, 409, "network with name taken already exists"),
    ("n1", {"driver": "nosuch"}, 404, "(?i)plugin"),
    ("n1", {"ipam": IPAMConfig(pool_configs=[IPAMPool(subnet="10.0.0.300/8")])}, 400, "(?i)invalid"),
    ("n1", {"ipam": IPAMConfig(pool_configs=[IPAMPool("10.80.0.0/24", gateway="10.9.0.1")])}, 400, "(?i)gateway"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "status", "text"), NETWORKS, ids=["predefined", "taken", "driver", "subnet", "gateway"]
)
def test_a_network_that_cannot_be(
    client: Any, shared_engine: Engine, name: str, options: dict[str, Any], status: int, text: str
) -> None:
    client.networks.create("taken")
    with pytest.raises(APIError, match=text) as refused:
        client.networks.create(name, check_duplicate=True, **options)
    if shared_engine.ours:  # older engines say 500 to some
        assert refused.value.status_code == status
    assert len(client.networks.list()) == 4


def test_an_overlap_is_refused(client: Any) -> None:
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet="10.81.0.0/16")])
    client.networks.create("n1", ipam=ipam)
    with pytest.raises(APIError, match="Pool overlaps with other one on this address space"):
        client.networks.create("n2", ipam=ipam)


def test_a_network_in_use_stays_and_a_predefined_one_always(client: Any) -> None:
    network = client.networks.create("n1")
    sleeper(client, "it", network="n1")
    with pytest.raises(APIError, match="has active endpoints") as refused:
        network.remove()
    assert refused.value.status_code == 403
    with pytest.raises(APIError, match="pre-defined network and cannot be removed"):
        client.networks.get("bridge").remove()


def test_connect_to_what_is_not_there(client: Any) -> None:
    it = sleeper(client, "it")
    with pytest.raises(NotFound, match="network nosuch not found"):
        client.api.connect_container_to_network(it.id, "nosuch")
    network = client.networks.create("n1")
    with pytest.raises(NotFound, match="No such container: nobody"):
        network.connect("nobody")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": "n"}, ["n1", "n2", "none"]), ({"name": "n1"}, ["n1"]), ({"label": "a"}, ["n1"]),
        ({"driver": "host"}, ["host"]),
        ({"type": "custom"}, ["n1", "n2"]), ({"type": "builtin"}, ["bridge", "host", "none"]), ({"scope": "swarm"}, []),
        ({"dangling": True, "type": "custom"}, ["n1", "n2"]),
    ],
    ids=str,
)  # fmt: skip
def test_networks_by_filter(client: Any, filters: dict[str, Any], expected: list[str]) -> None:
    client.networks.create("n1", labels={"a": "b"})
    client.networks.create("n2")
    assert sorted(network.name for network in client.networks.list(filters=filters)) == expected


def test_prune_of_networks_spares_the_used(client: Any) -> None:
    client.networks.create("used")
    client.networks.create("idle")
    sleeper(client, "it", network="used")
    assert client.networks.prune()["NetworksDeleted"] == ["idle"]


# --- volumes ------------------------------------------------------------------------------------------------------


def test_a_volume_from_create_to_remove(client: Any) -> None:
    made = client.volumes.create("v1", labels={"a": "b"})
    attrs = client.volumes.get("v1").attrs
    assert (attrs["Name"], attrs["Driver"], attrs["Scope"]) == ("v1", "local", "local")
    assert attrs["Labels"] == {"a": "b"}
    assert attrs["Mountpoint"].endswith("/volumes/v1/_data")
    assert client.volumes.create("v1").id == made.id
    made.remove()
    with pytest.raises(NotFound, match=r"(?i)no such volume"):
        client.volumes.get("v1")


def test_a_volume_without_a_name_gets_one(client: Any) -> None:
    assert len(client.volumes.create().name) == 64


def test_a_volume_in_use_stays(client: Any) -> None:
    it = client.containers.create("box", "true", name="it", volumes=["v1:/v"])
    with pytest.raises(APIError, match="volume is in use") as refused:
        client.volumes.get("v1").remove()
    assert refused.value.status_code == 409
    it.remove()
    client.volumes.get("v1").remove()


def test_wrong_volumes_are_refused(client: Any, shared_engine: Engine) -> None:
    with pytest.raises(APIError) as name:
        client.volumes.create("a/b")
    with pytest.raises(APIError) as driver:
        client.volumes.create("v1", driver="nosuch")
    with pytest.raises(APIError) as option:
        client.volumes.create("v1", driver_opts={"nosuch": "x"})
    codes = [error.value.status_code for error in (name, driver, option)]
    assert codes == ([400, 404, 400] if shared_engine.ours else codes)
    assert client.volumes.list() == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": "v1"}, ["v1"]), ({"label": "a"}, ["v1"]), ({"label": "a=b"}, ["v1"]), ({"label": "a=c"}, []),
        ({"dangling": True}, ["v1"]), ({"dangling": False}, ["v2"]), ({"driver": "local"}, ["v1", "v2"]),
    ],
    ids=str,
)  # fmt: skip
def test_volumes_by_filter(client: Any, filters: dict[str, Any], expected: list[str]) -> None:
    client.volumes.create("v1", labels={"a": "b"})
    client.containers.create("box", "true", name="it", volumes=["v2:/v"])
    assert sorted(volume.name for volume in client.volumes.list(filters=filters)) == expected


def test_what_the_image_has_is_copied_into_a_new_volume(client: Any) -> None:
    output = client.containers.run("training/webapp", "cat /www/index.html", remove=True, volumes=["v1:/www"])
    assert output == b"Hello world!\n"


def test_a_tmpfs_volume_by_driver_options(client: Any) -> None:
    client.volumes.create("v1", driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})
    output = client.containers.run("box", ["sh", "-c", "df -k /v | tail -1"], remove=True, volumes=["v1:/v"])
    assert output.split()[1] == b"1024"


def test_prune_of_volumes_takes_the_unused(client: Any, shared_engine: Engine) -> None:
    client.volumes.create("idle")
    client.containers.create("box", "true", name="it", volumes=["used:/v", "/anonymous"])
    pruned = client.volumes.prune(filters={"all": True} if shared_engine.ours else {})
    assert pruned["VolumesDeleted"] == ["idle"]
    assert len(client.volumes.list()) == 2


# --- the engine as a whole ----------------------------------------------------------------------------------------


def test_info_is_true(client: Any, shared_engine: Engine) -> None:
    sleeper(client, "it")
    info = client.info()
    assert (info["Containers"], info["ContainersRunning"], info["ContainersPaused"]) == (1, 1, 0)
    assert info["Images"] >= 3
    assert info["DockerRootDir"] == str(shared_engine.data_root)
    assert (info["Driver"], info["OSType"], info["Swarm"]["LocalNodeState"]) == ("overlay2", "linux", "inactive")
    assert "runc" in info["Runtimes"]
    assert info["NCPU"] > 0
    assert any(option.startswith("name=seccomp") for option in info["SecurityOptions"])
    assert {"bridge", "host", "null"} <= set(info["Plugins"]["Network"])
    assert info["RegistryConfig"]["IndexConfigs"]["docker.io"]["Official"] is True


def test_version_names_its_components(client: Any) -> None:
    version = client.version()
    assert (version["Os"], version["Platform"]["Name"] != "") in (("linux", True), ("linux", False))
    assert "Engine" in [component["Name"] for component in version["Components"]]
    assert version["MinAPIVersion"] <= version["ApiVersion"]


def test_df_counts_what_is_there(client: Any) -> None:
    sleeper(client, "it", volumes=["v1:/v"])
    df = client.df()
    assert [container["Names"] for container in df["Containers"]] == [["/it"]]
    assert [volume["UsageData"]["RefCount"] for volume in df["Volumes"]] == [1]
    assert len(df["Images"]) >= 3
    assert df["LayersSize"] > 0


def test_a_version_of_the_api_can_be_pinned(client: Any, shared_engine: Engine) -> None:
    import docker

    for version in ("1.24", "1.35", "1.41"):
        pinned = docker.DockerClient(base_url=f"unix://{shared_engine.socket}", version=version, timeout=30)
        assert pinned.containers.run("box", ["echo", version], remove=True) == f"{version}\n".encode()
        assert pinned.containers.list(all=True) == []
        pinned.close()
