from __future__ import annotations

import pytest

from fairlead.engine import processes
from fairlead.errors import InvalidParameter

TEXT = "UID          PID    PPID CMD\nroot           7       1 sleep 10 20\nroot           8       1 other\n"


def test_only_the_containers_processes_and_the_command_whole() -> None:
    assert processes.parse(TEXT, {7}) == (["UID", "PID", "PPID", "CMD"], [["root", "7", "1", "sleep 10 20"]])


def test_a_table_without_pid_cannot_be_cut() -> None:
    with pytest.raises(InvalidParameter, match="Couldn't find PID field in ps output"):
        processes.parse("CMD\nsleep\n", {7})
