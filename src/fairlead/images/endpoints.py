"""Where the registry of a reference is: mirrors, TLS or not, certificates. Pure but for a look into certs.d."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from fairlead.errors import SystemFailure
from fairlead.model.settings import Settings

HUB = "docker.io"
HUB_INDEX = "https://index.docker.io/v1/"
"""The name of Docker Hub in credentials."""
_HUB_HOST = "registry-1.docker.io"
_ALWAYS_INSECURE = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`insecure`: certificates are not checked. `mirror`: credentials are not for it, and any failure leads on."""

    url: str
    insecure: bool = False
    mirror: bool = False
    ca: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    def plain(self) -> dict[str, object]:
        """As the worker gets it."""
        return {"url": self.url, "insecure": self.insecure, "mirror": self.mirror, "ca": self.ca, "pairs": self.pairs}


def of_domain(domain: str, settings: Settings, *, mirrors: bool = False) -> list[Endpoint]:
    """In the order to try them: with `mirrors` (for pulls of Docker Hub) those first; an insecure one also without
    TLS."""
    out: list[Endpoint] = []
    if domain == HUB and mirrors:
        for url in settings.registry_mirrors:
            out += _at(url.partition("://")[2].partition("/")[0], settings, url=url, mirror=True)
    return out + _at(_HUB_HOST if domain == HUB else domain, settings)


def _at(host: str, settings: Settings, *, url: str = "", mirror: bool = False) -> list[Endpoint]:
    insecure = is_insecure(host, settings.insecure_registries)
    ca, pairs = certificates(host, settings.certificates)
    first = Endpoint(url or f"https://{host}", insecure, mirror, ca, pairs)
    return [first, Endpoint(f"http://{host}", insecure, mirror)] if insecure and not url else [first]


def is_insecure(host: str, listed: tuple[str, ...]) -> bool:
    """Loopback, or listed by name or by network. Names are not looked up: what they mean is the resolver's word."""
    name = _name(host)
    if name == "localhost" or host in listed or name in listed:
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    for network in (*_ALWAYS_INSECURE, *listed):
        try:
            if address in ip_network(network, strict=False):
                return True
        except ValueError:
            continue
    return False


def _name(host: str) -> str:
    """Without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def certificates(host: str, roots: tuple[Path, ...]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """(authorities, (certificate, key) of ours) of the first directory of that name."""
    for root in roots:
        directory = root / host
        try:
            names = sorted(path.name for path in directory.iterdir())
        except OSError:
            continue
        ca = tuple(str(directory / name) for name in names if name.endswith(".crt"))
        pairs = []
        for name in names:
            if name.endswith(".cert"):
                key = f"{name[:-5]}.key"
                if key not in names:
                    raise SystemFailure(f"missing key {key} for client certificate {name}. CA certificates must use "
                                        "the extension .crt")  # fmt: skip
                pairs.append((str(directory / name), str(directory / key)))
            elif name.endswith(".key") and f"{name[:-4]}.cert" not in names:
                raise SystemFailure(f"missing client certificate {name[:-4]}.cert for key {name}")
        return ca, tuple(pairs)
    return (), ()


def credential_key(domain: str) -> str:
    """Under which name a user's credentials for a registry are kept."""
    return HUB_INDEX if domain == HUB else domain
