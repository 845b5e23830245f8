"""Query of POST /build, body of the bootstrap verb → requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fairlead.api.exchange import Request
from fairlead.api.schema.fields import Fields
from fairlead.errors import InvalidParameter
from fairlead.model.request import BootstrapRequest, BuildRequest


def parse_build(request: Request) -> BuildRequest:
    if request.text("version") == "2":
        raise InvalidParameter("this engine has no BuildKit; use the classic builder (DOCKER_BUILDKIT=0)")
    return BuildRequest(
        dockerfile=request.text("dockerfile") or "Dockerfile",
        tags=tuple(tag for tag in request.texts("t") if tag),
        build_args=_json(request, "buildargs", {}),
        labels=_json(request, "labels", {}),
        target=request.text("target"),
        no_cache=request.flag("nocache"),
        pull=request.flag("pull"),
        remove=request.flag("rm", default=True),
        force_remove=request.flag("forcerm"),
        quiet=request.flag("q"),
        network_mode=request.text("networkmode") or "default",
        extra_hosts=tuple(host for text in request.texts("extrahosts") for host in text.split(",") if host),
        cache_from=tuple(_json(request, "cachefrom", [])),
        shm_size_bytes=request.integer("shmsize") or 0,
        memory_bytes=request.integer("memory") or 0,
        remote=request.text("remote"),
        squash=request.flag("squash"),
    )


def _json(request: Request, name: str, default: Any) -> Any:
    text = request.text(name)
    if not text:
        return default
    try:
        value = json.loads(text)
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
