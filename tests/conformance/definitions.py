"""Docker's published API definitions (Swagger 2, one file for each version): which operation a request is, and in
what an answer differs from what is written there. The files are no part of this project; a run is told their place."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

VERSION = re.compile(r"/v(\d+)\.(\d+)(/.*)\Z", re.DOTALL)
MOST_DIFFERENCES = 20
"""Of one answer; a wrong list would otherwise repeat its fault for each entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One exchange as it passed by: what was asked, and what came back."""

    method: str
    target: str
    agent: str
    status: int
    content_type: str
    body: bytes
    whole: bool
    """False where the client hung up before the end, as it does with streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the definitions say to one answer. `operation` is empty where they have no such path."""

    version: str
    operation: str
    status: int
    agent: str
    differences: tuple[str, ...]


class Definitions:
    def __init__(self, directory: Path) -> None:
        self._files = {_number(path.stem): path for path in directory.glob("v1.*.yaml")}
        if not self._files:
            raise FileNotFoundError(f"no v1.*.yaml in {directory}")
        self._loaded: dict[tuple[int, int], Definition] = {}

    def of(self, version: tuple[int, int] | None) -> Definition:
        """That version's own, or the last one before it; the oldest for what is older still."""
        known = sorted(self._files)
        chosen = max((number for number in known if version is not None and number <= version), default=known[0])
        if chosen not in self._loaded:
            self._loaded[chosen] = Definition(self._files[chosen])
        return self._loaded[chosen]

    def check(self, answer: Answer, newest: tuple[int, int]) -> Finding:
        match = VERSION.match(answer.target)
        version = (int(match[1]), int(match[2])) if match else newest
        path = (match[3] if match else answer.target).partition("?")[0]
        name, differences = self.of(version).check(answer, path)
        return Finding(
            version=f"{version[0]}.{version[1]}", operation=name, status=answer.status, agent=answer.agent,
            differences=tuple(differences),
        )  # fmt: skip


class Definition:
    """One version's file."""

    def __init__(self, path: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.load(path.read_text(), loader)
        self._root = {"definitions": _nullable(document["definitions"])}
        self._operations = list(_operations(document["paths"]))
        self._operations.sort(key=lambda operation: operation.pattern.pattern.count("(.+)"))

    @property
    def operations(self) -> list[str]:
        return sorted(operation.name for operation in self._operations)

    def check(self, answer: Answer, path: str) -> tuple[str, list[str]]:
        method = answer.method
        for operation in self._operations:
            if operation.method == method and operation.pattern.match(path):
                return operation.name, list(self._differences(operation, answer))
        return "", []

    def _differences(self, operation: Operation, answer: Answer) -> Iterator[str]:
        declared = operation.responses.get(str(answer.status), operation.responses.get("default"))
        if declared is None:
            yield f"status {answer.status} is not among {', '.join(sorted(operation.responses))}"
        if answer.method == "HEAD" or answer.status in (101, 204, 304):
            if answer.body:
                yield f"a body where {answer.status} has none"
            return
        if answer.status >= 400:
            yield from self._error(answer)
            return
        schema = (declared or {}).get("schema")
        if schema is None or schema.get("type") in ("file", "string"):
            return
        if not answer.content_type.startswith("application/json"):
            yield f"content type {answer.content_type or '(none)'} instead of application/json"
            return
        yield from self._body(operation, schema, answer)

    def _error(self, answer: Answer) -> Iterator[str]:
        try:
            body = json.loads(answer.body)
        except ValueError:
            yield f"the body of {answer.status} is not JSON"
            return
        if not isinstance(body, dict) or not isinstance(body.get("message"), str) or not body["message"]:
            yield f"the body of {answer.status} has no message"

    def _body(self, operation: Operation, schema: Any, answer: Answer) -> Iterator[str]:
        validator = jsonschema.Draft4Validator({**_nullable(schema), **self._root})
        documents = list(_documents(answer.body, whole=answer.whole))
        if answer.whole and not documents and operation.name != "GET /events":
            yield "no JSON in the body"
        found: dict[str, None] = {}
        for document in documents:
            for error in validator.iter_errors(document):
                found[_words(error)] = None
                if len(found) >= MOST_DIFFERENCES:
                    break
        yield from found


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    name: str
    method: str
    pattern: re.Pattern[str]
    responses: Mapping[str, Any]


def _operations(paths: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in paths.items():
        pieces = re.split(r"\{\w+\}", path)
        pattern = re.compile("(.+)".join(re.escape(piece) for piece in pieces) + r"\Z", re.DOTALL)
        for method, operation in methods.items():
            if method.upper() not in ("GET", "HEAD", "POST", "PUT", "DELETE"):
                continue
            responses = {str(status): response for status, response in operation["responses"].items()}
            name = f"{method.upper()} {path}"
            yield Operation(name=name, method=method.upper(), pattern=pattern, responses=responses)


def _nullable(schema: Any) -> Any:
    """Swagger's `x-nullable` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _nullable(value) for key, value in schema.items() if key not in ("example", "examples", "default")}
    if made.pop("x-nullable", False) is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made


def _documents(body: bytes, *, whole: bool) -> Iterator[Any]:
    """The JSON values of a body: one, or a stream of them, whose last may be cut where the client hung up."""
    decoder = json.JSONDecoder()
    text = body.decode(errors="replace")
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            if whole:
                yield text[at : at + 40]
            return
        yield value


def _words(error: jsonschema.ValidationError) -> str:
    """Where, and what: indices become `[]` and keys of one's own choice `*`, so that equal faults read equally."""
    if error.validator == "anyOf" and error.context:
        for inner in error.context:
            if inner.schema != {"type": "null"}:
                return _words(inner)
    where = _place(error.absolute_schema_path) or "."
    if error.validator == "type":
        return f"{where}: {_kind(error.instance)} where {_expected(error.validator_value)} is declared"
    if error.validator == "enum":
        return f"{where}: {json.dumps(error.instance)} is none of the declared values"
    if error.validator == "required":
        return f"{where}: {error.message.split(' is a ')[0]} is missing"
    return f"{where}: {error.validator}: {error.message[:120]}"


def _place(schema_path: Iterable[Any]) -> str:
    """From the way through the schema, which knows a declared name from one that users choose."""
    place, way = "", iter(schema_path)
    for step in way:
        if step == "properties":
            place += f".{next(way)}"
        elif step == "additionalProperties":
            place += ".*"
        elif step == "items":
            place += "[]"
    return place


def _kind(value: Any) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return "null" if value is None else kinds[type(value)]


def _expected(value: Any) -> str:
    return " or ".join(value) if isinstance(value, list) else str(value)


@functools.cache
def _number(stem: str) -> tuple[int, int]:
    major, minor = stem.removeprefix("v").split(".")
    return int(major), int(minor)
