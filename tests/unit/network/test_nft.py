"""What the tables remember, so that they can be made again."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

from fairlead.network import firewall
from fairlead.network.nft import Element, Tables, protocol, service


class Kernel(Tables):
    """Tables whose kernel has lost them at first; it knows what is in their sets."""

    def __init__(self, *, lost: bool = False) -> None:
        super().__init__("t")
        self.lost = lost
        self.has: set[Element] = set()
        self.on_loss = self._make

    def _make(self) -> None:
        self.lost = False
        self.has = set(self.held)

    def _change(self, gone: list[Element], new: list[Element]) -> None:
        if self.lost:
            raise FileNotFoundError
        self.has = (self.has - set(gone)) | set(new)


def port(number: int) -> Element:
    key = protocol("tcp") + service(number)
    return Element("publish", key, IPv4Address("10.0.0.2").packed + service(80))


def test_what_was_deleted_is_forgotten() -> None:
    tables = Kernel()
    tables.apply(add=[port(1), port(2)])
    tables.apply(add=[port(3)], delete=[port(1)])
    assert set(tables.held) == tables.has == {port(2), port(3)}
    tables.close()


def test_a_change_that_meets_no_table_has_it_made_first() -> None:
    tables = Kernel()
    tables.apply(add=[port(1), port(2)])
    tables.lost = True
    tables.apply(add=[port(3)], delete=[port(2)])
    assert set(tables.held) == tables.has == {port(1), port(3)}
    tables.close()


def test_a_subnet_is_remembered_with_both_its_ends() -> None:
    tables = Kernel()
    for text in ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"):
        tables.apply(add=firewall._interval("subnets", ip_network(text)))
    tables.apply(delete=firewall._interval("subnets", ip_network("10.0.1.0/24")))
    tables.apply(add=firewall._interval("subnets", ip_network("10.0.1.0/24")))
    text = firewall.render("t", tables.held)
    assert text == (
        "add element inet t subnets { 10.0.0.0-10.0.0.255, 10.0.2.0-10.0.2.255, 10.0.1.0-10.0.1.255 }\n"
    )
    tables.close()
