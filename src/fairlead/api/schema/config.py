"""Docker's `Config` (what runs in a container, also inside images) ⇄ model.Config."""

from __future__ import annotations

from typing import Any

from fairlead.api.schema import ports
from fairlead.api.schema.fields import Fields
from fairlead.api.versions import NEWEST, Version
from fairlead.model.container import Config, HealthConfig


def parse(fields: Fields, version: Version = NEWEST) -> Config:
    return Config(
        image=fields.text("Image"),
        hostname=fields.text("Hostname"),
        domainname=fields.text("Domainname"),
        user=fields.text("User"),
        attach_stdin=fields.flag("AttachStdin"),
        attach_stdout=fields.flag("AttachStdout"),
        attach_stderr=fields.flag("AttachStderr"),
        tty=fields.flag("Tty"),
        open_stdin=fields.flag("OpenStdin"),
        stdin_once=fields.flag("StdinOnce"),
        env=fields.texts("Env"),
        cmd=fields.words("Cmd"),
        entrypoint=fields.words("Entrypoint"),
        exposed_ports=ports.parse_exposed(fields.mapping("ExposedPorts")),
        volumes=tuple(fields.mapping("Volumes")),
        working_dir=fields.text("WorkingDir"),
        network_disabled=fields.flag("NetworkDisabled"),
        mac_address=fields.text("MacAddress"),
        on_build=fields.texts("OnBuild"),
        labels=fields.text_mapping("Labels"),
        stop_signal=fields.text("StopSignal"),
        stop_timeout_s=fields.optional_integer("StopTimeout"),
        shell=fields.texts("Shell"),
        health=_parse_health(fields.child("Healthcheck"), version),
    )


def _parse_health(fields: Fields | None, version: Version) -> HealthConfig | None:
    if fields is None:
        return None
    return HealthConfig(
        test=fields.texts("Test"),
        interval_ns=fields.integer("Interval"),
        timeout_ns=fields.integer("Timeout"),
        start_period_ns=fields.integer("StartPeriod"),
        start_interval_ns=fields.integer("StartInterval") if version >= (1, 44) else 0,
        retries=fields.integer("Retries"),
    )


def render(config: Config) -> dict[str, Any]:
    """The JSON of inspect; members that Docker omits when empty are omitted."""
    value: dict[str, Any] = {
        "Hostname": config.hostname,
        "Domainname": config.domainname,
        "User": config.user,
        "AttachStdin": config.attach_stdin,
        "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
    }
    if config.exposed_ports:
        value["ExposedPorts"] = {str(port): {} for port in sorted(config.exposed_ports)}
    value |= {
        "Tty": config.tty,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.stdin_once,
        "Env": list(config.env),
        "Cmd": None if config.cmd is None else list(config.cmd),
    }
    if config.health is not None:
        value["Healthcheck"] = _render_health(config.health)
    value |= {
        "Image": config.image,
        "Volumes": {path: {} for path in config.volumes} or None,
        "WorkingDir": config.working_dir,
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
    }
    if config.network_disabled:
        value["NetworkDisabled"] = True
    if config.mac_address:
        value["MacAddress"] = config.mac_address
    value |= {"OnBuild": list(config.on_build) or None, "Labels": dict(config.labels)}
    if config.stop_signal:
        value["StopSignal"] = config.stop_signal
    if config.stop_timeout_s is not None:
        value["StopTimeout"] = config.stop_timeout_s
    if config.shell:
        value["Shell"] = list(config.shell)
    return value


def _render_health(health: HealthConfig) -> dict[str, Any]:
    members = {
        "Test": list(health.test),
        "Interval": health.interval_ns,
        "Timeout": health.timeout_ns,
        "StartPeriod": health.start_period_ns,
        "StartInterval": health.start_interval_ns,
        "Retries": health.retries,
    }
    return {name: value for name, value in members.items() if value}
