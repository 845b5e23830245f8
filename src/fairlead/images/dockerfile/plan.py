"""A whole Dockerfile: global ARGs, then stages, and which of them a target needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import instructions, syntax, words
from fairlead.images.dockerfile.instructions import Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    platform: str
    original: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    arguments: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    escape: str = "\\"
    warnings: tuple[str, ...] = ()

    def target(self, name: str) -> int:
        """The stage to build: by name or number; the last one if none is named."""
        if not name:
            return len(self.stages) - 1
        found = self.find(name, len(self.stages))
        if found is None:
            raise InvalidParameter(f"failed to reach build target {name} in Dockerfile")
        return found

    def find(self, name: str, before: int) -> int | None:
        """The stage of that name or number among those before one; the last of a name, as in Docker."""
        if name.isascii() and name.isdigit():
            return int(name) if int(name) < before else None
        named = [at for at, stage in enumerate(self.stages[:before]) if stage.name and stage.name == name.lower()]
        return named[-1] if named else None

    def needed(self, target: int, values: Mapping[str, str]) -> list[int]:
        """The stages that the target is made of, in the file's order; with the values of global ARGs."""
        found: set[int] = set()
        waiting = [target]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += self.sources(at, values)
        return sorted(found)

    def sources(self, at: int, values: Mapping[str, str]) -> Iterator[int]:
        """The stages that one stage takes from."""
        stage = self.stages[at]
        base = words.expand(stage.base, values, escape=self.escape)
        found = None if base.isdigit() else self.find(base, at)
        if found is not None:
            yield found
        for instruction in stage.instructions:
            for name in self.origins(instruction):
                found = self.find(name, at)
                if found is not None:
                    yield found

    def origins(self, instruction: Instruction) -> Iterator[str]:
        """The stages or images that one instruction names."""
        yield from instruction.flags.get("from", ())
        for mount in instruction.flags.get("mount", ()):
            yield from re.findall(r"(?:^|,)from=([^,]*)", mount)


def parse(text: str, name: str = "Dockerfile") -> Plan:
    """Raises InvalidParameter with Docker's text."""
    if not text:
        raise InvalidParameter(f"the Dockerfile ({name}) cannot be empty")
    read = syntax.parse(text, name)
    arguments: list[Instruction] = []
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for line in read.lines:
        instruction = instructions.parse(line, read.escape, name)
        if instruction.word == "FROM":
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif instruction.word == "ARG":
            arguments.append(instruction)
        else:
            raise InvalidParameter("no build stage in current context")
    if not stages:
        raise InvalidParameter("no build stage in current context" if not arguments else
                               "No image was generated. Is your Dockerfile empty?")  # fmt: skip
    made = tuple(_stage(head, body) for head, body in stages)
    return Plan(arguments=tuple(arguments), stages=made, escape=read.escape, warnings=read.warnings)


def _stage(head: Instruction, body: list[Instruction]) -> Stage:
    return Stage(
        base=head.args[0],
        name=instructions.stage_name(head.args),
        platform=head.flag("platform"),
        original=head.original,
        instructions=tuple(body),
    )
