"""Addresses of daemons behind ssh. A connection through one: conformance/test_own_client.py."""

from __future__ import annotations

import pytest

from fairlead.cli import client, sshhost


@pytest.mark.parametrize(
    ("host", "own", "remote"),
    [
        ("ssh://far", ["--", "far"], []),
        ("ssh://far:2222", ["-p", "2222", "--", "far"], []),
        ("ssh://me@far/", ["-l", "me", "--", "far"], []),
        ("ssh://me@[2001:db8::1]:22/run/x.sock", ["-l", "me", "-p", "22", "--", "2001:db8::1"], ["-H", "unix:///run/x.sock"]),
        ("ssh://[2001:db8::1]", ["--", "2001:db8::1"], []),
    ],
)
def test_an_address_becomes_a_command_line(host: str, own: list[str], remote: list[str]) -> None:
    words = sshhost.command(host)
    assert words[4:] == [*own, "fairlead", *remote, "system", "dial-stdio"]


@pytest.mark.parametrize("host", ["ssh://", "ssh://me:secret@far", "ssh://-oProxyCommand=x", "ssh://far:x"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(client.NoDaemon, match="unable to parse docker host"):
        sshhost.command(host)
