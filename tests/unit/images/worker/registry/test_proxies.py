from __future__ import annotations

import pytest

from fairlead.images.worker.registry import proxies

ENVIRONMENT = {"HTTPS_PROXY": "proxy.example:3128", "http_proxy": "http://plain.example:80"}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://registry.example/v2/", "http://proxy.example:3128"),
        ("http://registry.example/v2/", "http://plain.example:80"),
        ("http://localhost:5000/v2/", None),
        ("https://127.0.0.9/v2/", None),
        ("https://[::1]:5000/v2/", None),
    ],
)
def test_proxy_is_chosen_by_scheme_and_never_for_loopback(url: str, proxy: str | None) -> None:
    assert proxies.choose(url, ENVIRONMENT) == proxy


@pytest.mark.parametrize(
    ("listed", "host", "port", "excluded"),
    [
        ("example.org", "example.org", 443, True),
        ("example.org", "sub.example.org", 443, True),
        ("example.org", "myexample.org", 443, False),
        (".example.org", "example.org", 443, False),
        (".example.org", "sub.example.org", 443, True),
        ("*.example.org", "sub.example.org", 443, True),
        ("example.org:5000", "example.org", 443, False),
        ("example.org:5000", "example.org", 5000, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("fd00::/8", "fd00::1", 443, True),
        ("*", "anything", 443, True),
        (" , a.example , EXAMPLE.org", "example.ORG", 443, True),
        ("", "example.org", 443, False),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(listed: str, host: str, port: int, *, excluded: bool) -> None:
    assert proxies.excluded(host, port, listed) is excluded
