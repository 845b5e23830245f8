"""Image configuration documents (OCI image-spec, Docker image spec v1.2) ⇄ model values; manifests and indexes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fairlead.errors import InvalidParameter
from fairlead.model.container import Config, HealthConfig, Port
from fairlead.model.image import HistoryEntry, Image

Json = dict[str, Any]

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?\Z")


def parse_time(text: str | None) -> datetime | None:
    """RFC 3339, fractions of any length."""
    if not text:
        return None
    found = _TIME.match(text)
    if not found:
        raise InvalidParameter(f"invalid time {text!r} in image configuration")
    moment, fraction, zone = found.groups()
    digits = (fraction or "")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{moment}.{digits}{'+00:00' if zone in ('Z', 'z', None) else zone}")
    except ValueError as error:
        raise InvalidParameter(f"invalid time {text!r} in image configuration") from error


def render_time(moment: datetime | None) -> str:
    if moment is None:
        return "0001-01-01T00:00:00Z"
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_port(text: str) -> Port:
    number, _, protocol = text.partition("/")
    if not number.isdigit():
        raise InvalidParameter(f"invalid port {text!r} in image configuration")
    return Port(int(number), (protocol or "tcp").lower())


def parse_config(raw: Mapping[str, Any] | None) -> Config:
    """The `config` member."""
    given = raw or {}

    def words(name: str) -> tuple[str, ...] | None:
        value = given.get(name)
        return None if value is None else tuple(str(v) for v in value)

    return Config(
        user=str(given.get("User") or ""),
        env=words("Env") or (),
        cmd=words("Cmd"),
        entrypoint=words("Entrypoint"),
        exposed_ports=frozenset(parse_port(p) for p in given.get("ExposedPorts") or ()),
        volumes=tuple(given.get("Volumes") or ()),
        working_dir=str(given.get("WorkingDir") or ""),
        labels=dict(given.get("Labels") or {}),
        stop_signal=str(given.get("StopSignal") or ""),
        on_build=words("OnBuild") or (),
        shell=words("Shell") or (),
        health=_parse_health(given.get("Healthcheck")),
    )


def _parse_health(raw: Mapping[str, Any] | None) -> HealthConfig | None:
    if not raw:
        return None
    return HealthConfig(
        test=tuple(raw.get("Test") or ()),
        interval_ns=int(raw.get("Interval") or 0),
        timeout_ns=int(raw.get("Timeout") or 0),
        start_period_ns=int(raw.get("StartPeriod") or 0),
        start_interval_ns=int(raw.get("StartInterval") or 0),
        retries=int(raw.get("Retries") or 0),
    )


def render_config(config: Config) -> Json:
    """The `config` member; only what is set."""
    out: Json = {
        "User": config.user,
        "ExposedPorts": {str(port): {} for port in sorted(config.exposed_ports)},
        "Env": list(config.env),
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
        "Cmd": None if config.cmd is None else list(config.cmd),
        "Volumes": {volume: {} for volume in config.volumes},
        "WorkingDir": config.working_dir,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "OnBuild": list(config.on_build),
        "Shell": list(config.shell),
    }
    if config.health:
        health = config.health
        fields = {
            "Test": list(health.test), "Interval": health.interval_ns, "Timeout": health.timeout_ns,
            "StartPeriod": health.start_period_ns, "StartInterval": health.start_interval_ns,
            "Retries": health.retries,
        }  # fmt: skip
        out["Healthcheck"] = {name: value for name, value in fields.items() if value}
    return {name: value for name, value in out.items() if value not in (None, "", [], {})}


def parse_image(raw: bytes, digest: str, chain_ids: Sequence[str]) -> Image:
    """A configuration document whose layers are known. Raises InvalidParameter if it is none."""
    try:
        document = json.loads(raw)
        if not document.get("rootfs"):
            raise InvalidParameter("invalid image JSON, no RootFS key")
        diff_ids = tuple(document["rootfs"]["diff_ids"])
        history = tuple(
            HistoryEntry(
                created=parse_time(entry.get("created")),
                created_by=str(entry.get("created_by") or ""),
                author=str(entry.get("author") or ""),
                comment=str(entry.get("comment") or ""),
                empty_layer=bool(entry.get("empty_layer")),
            )
            for entry in document.get("history") or ()
        )
        return Image(
            id=digest,
            created=parse_time(document.get("created")),
            config=parse_config(document.get("config")),
            architecture=str(document.get("architecture") or "amd64"),
            os=str(document.get("os") or "linux"),
            variant=str(document.get("variant") or ""),
            author=str(document.get("author") or ""),
            comment=str(document.get("comment") or ""),
            docker_version=str(document.get("docker_version") or ""),
            container_config=dict(document.get("container_config") or {}),
            diff_ids=diff_ids,
            chain_ids=tuple(chain_ids),
            history=history,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidParameter(f"invalid image configuration: {error}") from error


def render_image(image: Image) -> bytes:
    """The configuration document; its digest is the image's id."""
    document: Json = {
        "architecture": image.architecture,
        "config": render_config(image.config),
        "created": render_time(image.created),
        "history": [_render_history(entry) for entry in image.history],
        "os": image.os,
        "rootfs": {"type": "layers", "diff_ids": list(image.diff_ids)},
    }
    if image.author:
        document["author"] = image.author
    if image.variant:
        document["variant"] = image.variant
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _render_history(entry: HistoryEntry) -> Json:
    out: Json = {"created": render_time(entry.created), "created_by": entry.created_by}
    if entry.author:
        out["author"] = entry.author
    if entry.comment:
        out["comment"] = entry.comment
    if entry.empty_layer:
        out["empty_layer"] = True
    return out
