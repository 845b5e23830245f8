"""Columns of text, aligned as Go's text/tabwriter aligns them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def align(text: str, *, minimum: int = 10, padding: int = 3) -> str:
    """Lines of tab-ended cells, set in columns; a column reaches over the lines next to each other that have it."""
    lines = [line.split("\t") for line in text.split("\n")]
    widths = [[0] * (len(cells) - 1) for cells in lines]
    for at, cells in enumerate(lines):
        for column in range(len(cells) - 1):
            if not widths[at][column]:
                _measure(lines, widths, at, column, minimum, padding)
    out = []
    for cells, sizes in zip(lines, widths, strict=True):
        padded = [cell + " " * (width - len(cell)) for cell, width in zip(cells, sizes, strict=False)]
        out.append("".join([*padded, cells[-1]]))
    return "\n".join(out)


def _measure(
    lines: Sequence[Sequence[str]], widths: list[list[int]], start: int, column: int, minimum: int, padding: int
) -> None:
    end = start
    widest = 0
    while end < len(lines) and len(lines[end]) - 1 > column:
        widest = max(widest, len(lines[end][column]))
        end += 1
    width = max(widest + padding, minimum) if widest else max(minimum, padding)
    for line in range(start, end):
        widths[line][column] = width


def rows(cells: Sequence[Sequence[str]], *, minimum: int = 10, padding: int = 3) -> str:
    """A table whose every row has the same columns: the quick way, for what has no tab or line break inside."""
    if not cells:
        return ""
    last = len(cells[0]) - 1
    form = "".join(
        f"%-{max(max(map(len, column)) + padding, minimum)}s" for column in list(zip(*cells, strict=True))[:last]
    )
    return "".join([f"{form}%s\n" % tuple(row) for row in cells])
