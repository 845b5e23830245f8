"""Query of POST /build, body of the bootstrap verb → requests."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from fairlead.api import gojson
from fairlead.api.exchange import Request
from fairlead.api.schema import host_config, limits, validation
from fairlead.api.schema.fields import Fields
from fairlead.api.schema.registry import parse_logins
from fairlead.errors import InvalidParameter
from fairlead.model.container import HostConfig
from fairlead.model.request import BootstrapRequest, BuildRequest

SECRETS = "x-fairlead-secrets"
"""Our client's way to send what `RUN --mount=type=secret` shows: base64 of a JSON object, values base64."""


def parse_build(request: Request) -> BuildRequest:
    if request.text("version") == "2":
        raise InvalidParameter("this engine has no BuildKit; use the classic builder (DOCKER_BUILDKIT=0)")
    return BuildRequest(
        dockerfile=request.text("dockerfile") or "Dockerfile",
        tags=tuple(tag for tag in request.texts("t") if tag),
        build_args=_strings(request, "buildargs", optional=True),
        labels=_strings(request, "labels"),
        target=request.text("target"),
        no_cache=request.flag("nocache"),
        pull=request.flag("pull"),
        remove=request.flag("rm", default=True),
        force_remove=request.flag("forcerm"),
        quiet=request.flag("q"),
        host_config=_host_config(request),
        cache_from=tuple(map(str, _json(request, "cachefrom", []))),
        platform=request.text("platform"),
        remote=request.text("remote"),
        secrets=_secrets(request.head.headers.get(SECRETS, "")),
        logins=parse_logins(request.head.headers.get("x-registry-config", "")),
        squash=request.flag("squash"),
    )


def _host_config(request: Request) -> HostConfig:
    """The limits of RUN steps, checked as those of a container."""
    raw = {
        "NetworkMode": request.text("networkmode") or "default",
        "ExtraHosts": [host for text in request.texts("extrahosts") for host in text.split(",") if host],
        "ShmSize": request.integer("shmsize") or 0,
        "Memory": request.integer("memory") or 0,
        "MemorySwap": request.integer("memswap") or 0,
        "CpuShares": request.integer("cpushares") or 0,
        "CpuPeriod": request.integer("cpuperiod") or 0,
        "CpuQuota": request.integer("cpuquota") or 0,
        "CpusetCpus": request.text("cpusetcpus"),
        "CpusetMems": request.text("cpusetmems"),
        "CgroupParent": request.text("cgroupparent"),
        "SecurityOpt": request.texts("securityopt"),
        "Ulimits": _json(request, "ulimits", []),
    }
    if (isolation := request.text("isolation")).lower() not in ("", "default"):
        raise InvalidParameter(f'Unsupported isolation: "{isolation}"')
    host = host_config.parse(Fields(raw, "HostConfig"))
    limits.check(host)
    validation.check_security(host)
    for entry in host.extra_hosts:
        validation.check_extra_host(entry)
    return host


def _strings(request: Request, name: str, *, optional: bool = False) -> dict[str, Any]:
    """An object of strings; `optional`: or nulls."""
    found: dict[str, Any] = _json(request, name, {})
    for value in found.values():
        if not isinstance(value, str) and not (optional and value is None):
            raise InvalidParameter(f"error reading build {name}: wrong type")
    return found


def _secrets(header: str) -> dict[str, bytes]:
    if not header:
        return {}
    try:
        found = gojson.loads(base64.b64decode(header, validate=True))
        return {str(name): base64.b64decode(value, validate=True) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError):
        raise InvalidParameter("error reading build secrets: not a base64 encoded JSON object") from None


def _json(request: Request, name: str, default: Any) -> Any:
    text = request.text(name)
    if not text:
        return default
    try:
        value = gojson.loads(text)
    except ValueError:
        raise InvalidParameter(f"error reading build {name}: invalid JSON") from None
    if value is None:
        return default
    if not isinstance(value, type(default)):
        raise InvalidParameter(f"error reading build {name}: wrong type")
    return value


def parse_bootstrap(body: Mapping[str, Any]) -> BootstrapRequest:
    """Our own verb; its names are lower case."""
    fields = Fields(body, "BootstrapRequest")
    name = fields.text("name")
    if not name:
        raise InvalidParameter("image name cannot be empty")
    return BootstrapRequest(
        name=name,
        suite=fields.text("suite"),
        include=fields.texts("include"),
        variant=fields.text("variant") or "minbase",
        busybox=fields.flag("busybox"),
    )
