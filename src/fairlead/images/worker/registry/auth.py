"""What a registry asks of whom it does not know (RFC 9110 challenges), and what we answer: basic or a token.

Distribution's token specification: a 401 names realm, service and scope; the realm gives a token for them.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))\s*(?:,\s*|$)')
_CLIENT = "fairlead"


@dataclass(frozen=True, slots=True)
class Challenge:
    scheme: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Credentials:
    """As Docker's AuthConfig gives them."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """How to ask the realm; `secret`: it carries a password."""

    method: str
    url: str
    body: bytes | None
    headers: dict[str, str]
    secret: bool


def parse_challenges(header: str) -> list[Challenge]:
    """`Bearer realm="…",service="…", Basic realm="…"`."""
    out = []
    at = 0
    while found := re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9_-]*)(?:\s+|$)").match(header, at):
        at = found.end()
        parameters: dict[str, str] = {}
        while pair := _PARAMETER.match(header, at):
            at = pair.end()
            parameters[pair[1].lower()] = pair[3] or re.sub(r"\\(.)", r"\1", pair[2] or "")
        out.append(Challenge(found[1].lower(), parameters))
    return out


def choose(challenges: list[Challenge]) -> Challenge | None:
    """The one we answer: a token rather than a password."""
    known = [c for c in challenges if c.scheme in ("bearer", "basic")]
    return min(known, key=lambda c: c.scheme != "bearer", default=None)


def token_request(challenge: Challenge, scopes: list[str], credentials: Credentials) -> TokenRequest:
    """Raises ValueError for a realm that is none."""
    realm = challenge.parameters.get("realm", "")
    if urlsplit(realm).scheme not in ("http", "https") or not urlsplit(realm).hostname:
        raise ValueError(f"realm {realm!r} of the registry's challenge is no URL")
    service = challenge.parameters.get("service", "")
    if credentials.identity_token:
        form = {
            "grant_type": "refresh_token", "refresh_token": credentials.identity_token, "service": service,
            "client_id": _CLIENT, "scope": " ".join(scopes),
        }  # fmt: skip
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return TokenRequest("POST", realm, urlencode(form).encode(), kind, True)
    query: list[tuple[str, str]] = [("service", service)] if service else []
    query += [("scope", scope) for scope in scopes]
    headers: dict[str, str] = {}
    if credentials.username:
        query += [("account", credentials.username), ("client_id", _CLIENT), ("offline_token", "true")]
        headers["Authorization"] = credentials.basic()
    joint = "&" if "?" in realm else "?"
    return TokenRequest("GET", f"{realm}{joint}{urlencode(query)}", None, headers, bool(headers))


def parse_token(answer: Any) -> tuple[str, str]:
    """(token, refresh token). Raises ValueError if there is none."""
    token = answer.get("token") or answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token.isprintable():
        raise ValueError("authorization server did not include a token in the response")
    return token, str(answer.get("refresh_token") or "")
