"""Docker's AuthConfig, in bodies and in the X-Registry-Auth header → model.request.RegistryLogin."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from fairlead.api import gojson
from fairlead.model.request import RegistryLogin


def parse_login(header: str) -> RegistryLogin:
    """The header is base64url of JSON. One that cannot be read is nobody, as in Docker: the registry decides."""
    try:
        raw = gojson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        return of_config(raw) if isinstance(raw, dict) else RegistryLogin()
    except (ValueError, TypeError):
        return RegistryLogin()


def parse_logins(header: str) -> dict[str, RegistryLogin]:
    """X-Registry-Config: AuthConfigs by registry, for builds. One that cannot be read is none, as in Docker."""
    try:
        raw = gojson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        return {str(name): of_config(entry) for name, entry in raw.items() if isinstance(entry, dict)}
    except (ValueError, TypeError, AttributeError):
        return {}


def of_config(raw: Mapping[str, Any]) -> RegistryLogin:
    """Names match in any case, as for Go; `auth` is base64 of user:password."""
    values = {name.lower(): value for name, value in raw.items() if isinstance(value, str)}
    username, password = values.get("username", ""), values.get("password", "")
    if not username and values.get("auth"):
        username, _, password = _decoded(values["auth"]).partition(":")
    return RegistryLogin(
        username=username,
        password=password,
        identity_token=values.get("identitytoken", ""),
        registry_token=values.get("registrytoken", ""),
        server=values.get("serveraddress", ""),
    )


def _decoded(text: str) -> str:
    """What cannot be read is nobody."""
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return ""
