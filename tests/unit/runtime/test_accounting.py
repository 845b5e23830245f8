"""Files of cgroups and /proc as samples have them."""

from __future__ import annotations

from fairlead.model.stats import BlockOperations, Traffic
from fairlead.runtime import accounting

NET_DEV = """\
Inter-|   Receive                                |  Transmit
 face |bytes packets errs drop fifo frame comp mc|bytes packets errs drop fifo colls carrier compressed
    lo:  100       1    0    0    0     0    0  0   100       1    0    0    0     0       0          0
  eth0: 1500      12    1    2    0     0    0  0   800       9    3    4    0     0       0          0
"""


def test_interfaces_are_counted_without_the_loopback() -> None:
    assert accounting.parse_net_dev(NET_DEV) == {"eth0": Traffic(1500, 12, 1, 2, 800, 9, 3, 4)}


def test_block_devices_of_v1() -> None:
    found = accounting.parse_blkio("8:0 Read 4096\n8:0 Write 0\n8:0 Total 4096\nTotal 4096\n")
    assert found[0] == BlockOperations(8, 0, "Read", 4096)
    assert len(found) == 3


def test_block_devices_of_v2() -> None:
    found = accounting.parse_io_stat("8:16 rbytes=10 wbytes=20 rios=1 wios=2\n8:0\n")
    assert found[:2] == (BlockOperations(8, 16, "read", 10), BlockOperations(8, 16, "write", 20))


def test_a_file_that_is_not_there_counts_as_nothing() -> None:
    assert accounting.parse_net_dev("") == {}
    assert accounting.parse_blkio("") == accounting.parse_io_stat("") == ()
