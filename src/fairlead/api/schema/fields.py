"""Typed reading of one JSON object, in the manner of Go's decoder: names match in any case, null is the zero value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from fairlead.errors import InvalidParameter


class Fields:
    """`where` names the object in error messages (`HostConfig`, `ContainerConfig`)."""

    def __init__(self, value: Mapping[str, Any], where: str) -> None:
        self._value = value
        self._where = where
        self._folded: dict[str, Any] | None = None

    def get(self, name: str) -> Any:
        value = self._value.get(name)
        if value is not None or name in self._value:
            return value
        if self._folded is None:
            self._folded = {key.lower(): item for key, item in self._value.items()}
        return self._folded.get(name.lower())

    def text(self, name: str, default: str = "") -> str:
        value = self.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else self._wrong(name, value, "string")

    def flag(self, name: str) -> bool:
        return self.optional_flag(name) or False

    def optional_flag(self, name: str) -> bool | None:
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        return self._wrong(name, value, "bool")

    def integer(self, name: str, default: int = 0) -> int:
        value = self.optional_integer(name)
        return default if value is None else value

    def optional_integer(self, name: str) -> int | None:
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            self._wrong(name, value, "int64")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        return self.optional_texts(name) or ()

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            self._wrong(name, value, "[]string")
        for item in value:
            if not isinstance(item, str):
                self._wrong(name, item, "string")
        return tuple(value)

    def text_lists(self, name: str) -> list[list[str]]:
        """Lists of lists of texts; null is an empty one."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(name, value, "[][]string")
        for item in value:
            if item is not None and not (isinstance(item, list) and all(isinstance(text, str) for text in item)):
                self._wrong(name, item, "[]string")
        return [item or [] for item in value]

    def words(self, name: str) -> tuple[str, ...] | None:
        """A command: a list, or in old clients one string."""
        value = self.get(name)
        return (value,) if isinstance(value, str) else self.optional_texts(name)

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.get(name)
        if value is None:
            return {}
        return value if isinstance(value, dict) else self._wrong(name, value, "map[string]interface {}")

    def text_mapping(self, name: str) -> dict[str, str]:
        value = self.mapping(name)
        for item in value.values():
            if not isinstance(item, str):
                self._wrong(name, item, "string")
        return value

    def child(self, name: str) -> Fields | None:
        value = self.get(name)
        if value is None:
            return None
        return Fields(value if isinstance(value, dict) else self._wrong(name, value, name), name)

    def children(self, name: str) -> list[Fields]:
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(name, value, f"[]{name}")
        for item in value:
            if not isinstance(item, dict):
                self._wrong(name, item, name)
        return [Fields(item, name) for item in value]

    def pair(self, name: str) -> tuple[int, int] | None:
        """Height and width of a console."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int) and item >= 0 for item in value):
            self._wrong(name, value, "[2]uint")
        padded = [*value, 0, 0]
        return padded[0], padded[1]

    def _wrong(self, name: str, value: object, wanted: str) -> NoReturn:
        raise InvalidParameter(
            f"invalid JSON: json: cannot unmarshal {_kind(value)} into Go struct field "
            f"{self._where}.{name} of type {wanted}"
        )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if isinstance(value, int) else f"number {value!r}"
    names: dict[type, str] = {str: "string", dict: "object", list: "array"}
    return names.get(type(value), "value")
