"""`top`: the host's ps, asked with the user's options, cut down to the processes of one container."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fairlead.errors import InvalidParameter, SystemFailure
from fairlead.linux import process


async def table(pids: Collection[int], ps_args: str) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Column titles and one row per process."""
    try:
        done = await process.run(["ps", *ps_args.split()], check=False, timeout_s=10)
    except FileNotFoundError as error:
        raise SystemFailure("top: ps not found on the host") from error
    if done.exit_code:
        why = done.stderr.decode(errors="replace").strip().split("\n")[0]  # the rest is a page of usage
        raise SystemFailure(f"ps: {why}" if why else f"error running ps: exit status {done.exit_code}")
    return parse(done.stdout.decode(errors="replace"), pids)


def parse(text: str, pids: Collection[int]) -> tuple[list[str], list[list[str]]]:
    lines = text.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise InvalidParameter("Couldn't find PID field in ps output")
    at = titles.index("PID")
    rows = []
    for line in lines[1:]:
        # The last column is a command: its blanks are its own.
        fields = line.split(maxsplit=len(titles) - 1)
        if len(fields) > at and fields[at].isdigit() and int(fields[at]) in pids:
            rows.append(fields)
    return titles, rows
