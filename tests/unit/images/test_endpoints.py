from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.errors import SystemFailure
from fairlead.images import endpoints
from fairlead.model.settings import Settings

NONE = Settings(certificates=())


def urls(domain: str, settings: Settings, *, mirrors: bool = False) -> list[str]:
    return [endpoint.url for endpoint in endpoints.of_domain(domain, settings, mirrors=mirrors)]


def test_a_registry_is_spoken_to_with_tls_alone() -> None:
    (only,) = endpoints.of_domain("registry.example:5000", NONE)
    assert only == endpoints.Endpoint("https://registry.example:5000")


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"])
def test_loopback_may_do_without(host: str) -> None:
    assert urls(host, NONE) == [f"https://{host}", f"http://{host}"]


@pytest.mark.parametrize(
    ("listed", "host", "insecure"),
    [
        ("registry.example", "registry.example:5000", True),
        ("registry.example:5000", "registry.example:5000", True),
        ("registry.example:5000", "registry.example", False),
        ("10.0.0.0/8", "10.1.2.3:5000", True),
        ("10.0.0.0/8", "registry.example", False),
        ("registry.example", "evil-registry.example", False),
    ],
)
def test_only_what_is_listed_is_insecure(listed: str, host: str, *, insecure: bool) -> None:
    assert endpoints.is_insecure(host, (listed,)) is insecure


def test_mirrors_come_before_the_hub_and_for_the_hub_alone() -> None:
    settings = Settings(certificates=(), registry_mirrors=("https://mirror.example",))
    assert urls("docker.io", settings, mirrors=True) == ["https://mirror.example", "https://registry-1.docker.io"]
    assert urls("docker.io", settings) == ["https://registry-1.docker.io"]
    assert urls("other.example", settings, mirrors=True) == ["https://other.example"]


def test_certificates_are_found_as_in_certs_d(tmp_path: Path) -> None:
    directory = tmp_path / "registry.example:5000"
    directory.mkdir()
    for name in ("ca.crt", "client.cert", "client.key"):
        (directory / name).touch()
    ca, pairs = endpoints.certificates("registry.example:5000", (tmp_path / "none", tmp_path))
    assert ca == (str(directory / "ca.crt"),)
    assert pairs == ((str(directory / "client.cert"), str(directory / "client.key")),)


def test_certificate_without_its_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "client.cert").touch()
    with pytest.raises(SystemFailure, match=r"missing key client\.key for client certificate client\.cert"):
        endpoints.certificates("r", (tmp_path,))
