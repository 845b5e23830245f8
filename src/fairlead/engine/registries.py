"""What is asked of registries without taking an image: login, a look at a manifest, search."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fairlead.engine import denials, platform
from fairlead.errors import EngineError, InvalidParameter, Unauthorized
from fairlead.images import endpoints, reference
from fairlead.images.transfers import Refusal, Transfers
from fairlead.model.request import RegistryLogin

_ANSWERS = ("docker.io", "index.docker.io", "registry-1.docker.io")


class Registries:
    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers

    async def login(self, login: RegistryLogin) -> tuple[str, str]:
        """Tries the credentials: Docker's status, and the token to keep in the password's place if there is one."""
        domain = _domain(login.server)
        where = endpoints.of_domain(domain, self._transfers.settings)
        with denials.translated(_of_login):
            async with self._transfers.session(where, "", login, []) as session:
                answer = await session.ask("check")
        return "Login Succeeded", answer["token"]

    async def distribution(self, name: str, login: RegistryLogin) -> Mapping[str, Any]:
        """Descriptor and platforms of what a registry has under a name."""
        ref = reference.parse(name).tagged()
        where = endpoints.of_domain(ref.domain, self._transfers.settings, mirrors=True)
        with denials.translated(denials.of_question):
            async with self._transfers.session(where, ref.path, login, [f"repository:{ref.path}:pull"]) as session:
                found = await session.ask("look", reference=ref.digest or ref.tag)
        platforms = found["platforms"] or [{"os": "linux", "architecture": platform.here()}]
        return {
            "Descriptor": {"mediaType": found["media_type"], "digest": found["digest"], "size": found["size"]},
            "Platforms": platforms,
        }

    async def search(
        self, term: str, limit: int, filters: Mapping[str, Sequence[str]], login: RegistryLogin
    ) -> Sequence[Mapping[str, Any]]:
        """Docker Hub's, or that of the registry whose name begins the term."""
        if not term:
            raise InvalidParameter("invalid search term: it is empty")
        for stars in filters.get("stars", ()):
            if not stars.isdigit():
                raise InvalidParameter(f"invalid filter 'stars={stars}'")
        first, slash, rest = term.partition("/")
        foreign = bool(slash) and ("." in first or ":" in first or first == "localhost")
        domain = first if foreign else "index.docker.io"
        where = endpoints.of_domain(domain, self._transfers.settings)
        with denials.translated(denials.of_question):
            async with self._transfers.session(where, "", login, []) as session:
                found = await session.ask("search", term=rest if foreign else term, limit=limit)
        return [row for row in found["results"] if _fits(row, filters)]


def _domain(server: str) -> str:
    """Of what a client calls a registry: `https://index.docker.io/v1/` too."""
    host = server.partition("://")[2] if "://" in server else server
    host = host.partition("/")[0]
    if odd := re.search(r"[^A-Za-z0-9.:_\[\]-]", host):
        raise InvalidParameter(f'unable to parse server address: parse "https://{host}": invalid character '
                               f'"{odd[0]}" in host name')  # fmt: skip
    return endpoints.HUB if not host or host in _ANSWERS else host


def _of_login(error: Refusal) -> EngineError:
    if "no basic auth credentials" in str(error):
        return Unauthorized(str(error))
    return denials.of_question(error)


def _fits(row: Mapping[str, Any], filters: Mapping[str, Sequence[str]]) -> bool:
    for name, key in (("is-official", "is_official"), ("is-automated", "is_automated")):
        for text in filters.get(name, ()):
            if bool(row.get(key)) != (text.lower() in ("1", "true")):
                return False
    stars = filters.get("stars", ())
    return all(int(row.get("star_count") or 0) >= int(text) for text in stars)
