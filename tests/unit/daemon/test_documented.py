"""docs/install.md knows every setting of the daemon, and its example is one."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead.daemon import config, options

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "install.md").read_text()


def test_every_setting_is_in_the_table_and_nothing_else_is() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `--")]
    named = {name for row in rows for name in re.findall(r"`--([a-z0-9-]+)`", row.split("|")[1])}
    assert named == {*options.PARSERS, *options.LISTS}


def test_the_example_is_read(tmp_path: Path) -> None:
    example = re.search(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert example is not None
    file = tmp_path / "daemon.toml"
    file.write_text(example[1])
    assert config.parse(["--config", str(file)]).registry_mirrors == ("https://mirror.example",)
