"""Reads files and JSON that nobody vouches for: limits first, and messages that name the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

LARGEST = 2**31 - 1
"""No whole number may be larger."""
LONGEST = 1024
"""No text may have more characters, unless whoever asks for it allows more."""

_Value = TypeVar("_Value")
_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


class DocumentError(Exception):
    """A file is out of reach, its text is no JSON, or a field is missing or of the wrong kind.

    Whoever knows the file's name makes an error of rlcodec's of it.
    """


def read(path: str | Path, what: str, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes; `what` is what it should be, in a word.

    Raises:
        DocumentError: it cannot be read, or is larger.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DocumentError(f"the {what} cannot be read: {reason}") from error
    if len(data) > limit:
        raise DocumentError(f"is larger than any {what}: the limit is {limit} bytes")
    return data


def parse(data: bytes) -> object:
    """The value of a JSON document in UTF-8, in which no name stands twice and no number is NaN.

    Raises:
        DocumentError: it is none.
    """
    try:
        # Editors of Windows put a mark before UTF-8
        text = data.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError as error:
        raise DocumentError("its JSON is nested too deeply") from error
    except ValueError as error:
        raise DocumentError(str(error)) from error


class Fields:
    """The fields of one JSON object, read by name and kind."""

    def __init__(self, value: object, place: str = "") -> None:
        """`place` says where in the document `value` stands; empty for the whole."""
        if not isinstance(value, dict):
            raise DocumentError(f"{place or 'the document'} is not an object")
        self._values = value
        self._prefix = f"{place}." if place else ""

    def take(self, name: str, kind: type[_Value], *, longest: int = LONGEST) -> _Value:
        """A field that has to be there."""
        if name not in self._values:
            raise DocumentError(f"{self._prefix}{name} is missing")
        return _checked(self._values[name], kind, f"{self._prefix}{name}", longest)

    def optional(self, name: str, kind: type[_Value]) -> _Value | None:
        """A field that may be missing or null."""
        return None if self._values.get(name) is None else self.take(name, kind)

    def fields(self, name: str) -> Fields:
        """A field that is an object."""
        return Fields(self.take(name, dict), f"{self._prefix}{name}")

    def each(self, name: str) -> list[Fields]:
        """A field that is a list of objects."""
        values = self.take(name, list)
        return [Fields(value, f"{self._prefix}{name}[{i}]") for i, value in enumerate(values)]

    def list_of(self, name: str, kind: type[_Value]) -> tuple[_Value, ...]:
        """A field that is a list of values of one kind."""
        values, place = self.take(name, list), f"{self._prefix}{name}"
        return tuple(_checked(each, kind, f"{place}[{i}]") for i, each in enumerate(values))

    def pair_of(self, name: str, kind: type[_Value]) -> tuple[_Value, _Value]:
        """A field that is a list of two values of one kind."""
        values = self.list_of(name, kind)
        if len(values) != 2:
            raise DocumentError(f"{self._prefix}{name} has {len(values)} values, and not 2")
        return values[0], values[1]

    def dict_of(
        self, name: str, kind: type[_Value], *, longest: int = LONGEST
    ) -> dict[str, _Value]:
        """A field that is an object whose fields are all of one kind, by whatever names."""
        values, place = self.take(name, dict), f"{self._prefix}{name}"
        return {
            key: _checked(each, kind, f"{place}.{key}", longest) for key, each in values.items()
        }


def shown(value: object) -> str:
    """A value as a message quotes it: short, on one line."""
    text = json.dumps(value) if isinstance(value, (str, bool, int, float)) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."


def _checked(value: Any, kind: type[_Value], place: str, longest: int = LONGEST) -> _Value:  # noqa: ANN401 # what JSON holds
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # Not more digits than a float has, whose largest is about 1e308
        value = float(value) if abs(value) < 10**15 else float("inf")
    # True is an int to Python, not to JSON
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DocumentError(f"{place} is {shown(value)}, and not {_NAMES[kind]}")
    if kind is int and not 0 <= cast(int, value) <= LARGEST:
        raise DocumentError(f"{place} must lie between 0 and {LARGEST}")
    if isinstance(value, str) and len(value) > longest:
        raise DocumentError(f"{place} has more than {longest} characters")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)} stands twice in one object")
        found[name] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")
