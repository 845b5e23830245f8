"""G1: `run -d -P training/webapp python app.py`: every exposed port gets a host port."""

from __future__ import annotations

import re

import pytest

from testbed import host
from testbed.guide import Guide

pytestmark = pytest.mark.root


def test_every_exposed_port_gets_a_host_port_that_ps_shows(guide: Guide) -> None:
    guide.do("run", "-d", "-P", "--expose", "5001", "--expose", "7/udp", "training/webapp", "python", "app.py")
    ports = guide.do("ps", "-l", "--format", "{{.Ports}}")
    assert re.search(r"0\.0\.0\.0:\d+->5000/tcp", ports), ports
    assert re.search(r"0\.0\.0\.0:\d+->5001/tcp", ports), ports
    assert re.search(r"0\.0\.0\.0:\d+->7/udp", ports), ports


def test_the_page_comes_from_localhost_from_the_hosts_address_and_to_another_machine(guide: Guide) -> None:
    guide.run_web("-P")
    port = guide.engine.host_port("web")
    assert guide.page(guide.here, "127.0.0.1", port) == "Hello world!\n"
    assert guide.page(guide.here, host.ADDRESS, port) == "Hello world!\n"
    assert guide.page(guide.far, host.ADDRESS, port) == "Hello world!\n"


def test_the_page_comes_over_ipv6_loopback(guide: Guide) -> None:
    guide.run_web("-P")
    assert guide.page(guide.here, "[::1]", guide.engine.host_port("web")) == "Hello world!\n"


def test_expose_alone_publishes_nothing(guide: Guide) -> None:
    guide.run_web()
    assert guide.do("port", "web") == ""
    assert guide.do("ps", "--format", "{{.Ports}}") == "5000/tcp"
