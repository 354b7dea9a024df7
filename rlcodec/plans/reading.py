"""Reads a plan from a file that nobody vouches for."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from rlcodec.errors import PlanError, SettingsError
from rlcodec.plans.record import FORMAT, MAX_FRAMES, VERSION, Plan, PlannedInput, PlannedSegment
from rlcodec.settings import Settings, parse_fps, parse_scale

MAX_BYTES = 16 * 2**20
_MAX_TEXT = 1024
_Value = TypeVar("_Value")
_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def load_plan(path: str | Path) -> Plan:
    """Read a plan that `rlcodec plan` wrote, and that a person may have edited.

    Raises:
        PlanError: the file cannot be read, is larger than `MAX_BYTES`, is no plan, or one of a
            newer version, or a field of it is missing or wrong; the message names file and field.
    """
    label = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PlanError(f"{label}: the plan cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise PlanError(f"{label}: is larger than any plan: the limit is {MAX_BYTES} bytes")
    try:
        # Editors of Windows put a mark before UTF-8
        document = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_number
        )
    except RecursionError as error:
        raise PlanError(f"{label}: is no plan: its JSON is nested too deeply") from error
    except ValueError as error:
        raise PlanError(f"{label}: is no plan: {error}") from error
    try:
        return _plan(_Fields(document, ""), label)
    except _FieldError as error:
        raise PlanError(f"{label}: {error}") from error


class _FieldError(Exception):
    """A field is missing, or of the wrong kind."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{_shown(name)} stands twice in one object")
        found[name] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


class _Fields:
    """The fields of one JSON object, read by name and kind."""

    def __init__(self, value: object, place: str) -> None:
        """`place` says where in the document `value` stands; empty for the whole."""
        if not isinstance(value, dict):
            raise _FieldError(f"{place or 'the document'} is not an object")
        self._values = value
        self._prefix = f"{place}." if place else ""

    def take(self, name: str, kind: type[_Value]) -> _Value:
        """A field that has to be there."""
        if name not in self._values:
            raise _FieldError(f"{self._prefix}{name} is missing")
        value = self._values[name]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            # Not more digits than a float has, whose largest is about 1e308
            value = float(value) if abs(value) < 10**15 else float("inf")
        # True is an int to Python, not to JSON
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _FieldError(f"{self._prefix}{name} is {_shown(value)}, and not {_NAMES[kind]}")
        if kind is int and not 0 <= cast(int, value) <= MAX_FRAMES:
            raise _FieldError(f"{self._prefix}{name} must lie between 0 and {MAX_FRAMES}")
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            raise _FieldError(f"{self._prefix}{name} has more than {_MAX_TEXT} characters")
        return value

    def optional(self, name: str, kind: type[_Value]) -> _Value | None:
        """A field that may be missing or null."""
        return None if self._values.get(name) is None else self.take(name, kind)

    def fields(self, name: str) -> _Fields:
        """A field that is an object."""
        return _Fields(self.take(name, dict), f"{self._prefix}{name}")

    def each(self, name: str) -> list[_Fields]:
        """A field that is a list of objects."""
        values = self.take(name, list)
        return [_Fields(value, f"{self._prefix}{name}[{i}]") for i, value in enumerate(values)]


def _shown(value: object) -> str:
    text = json.dumps(value) if isinstance(value, (str, bool, int, float)) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."


def _plan(document: _Fields, label: str) -> Plan:
    form = document.take("format", str)
    if form != FORMAT:
        raise _FieldError(f"format is {_shown(form)}, and not {FORMAT}: is this a plan?")
    version = document.take("version", int)
    if version != VERSION:
        hint = "update rlcodec" if version > VERSION else "plan the video anew"
        raise _FieldError(f"version is {_shown(version)}, and this rlcodec reads {VERSION}: {hint}")
    try:
        scale, fps = document.optional("scale", str), document.optional("fps", str)
        chosen = Settings(
            scale=None if scale is None else parse_scale(scale),
            fps=None if fps is None else parse_fps(str(_fraction("fps", fps))),
        )
    except SettingsError as error:
        raise _FieldError(str(error)) from error
    return Plan(
        input=_input(document.fields("input")),
        codec=document.take("codec", str),
        preset=document.take("preset", str),
        crf=document.take("crf", float),
        policy=document.fields("policy").take("name", str),
        scale=chosen.scale,
        fps=chosen.fps,
        deinterlace=document.optional("deinterlace", str) or Settings.deinterlace,
        pix_fmt=document.optional("pix_fmt", str),
        segments=tuple(_segment(each) for each in document.each("segments")),
        rlcodec=document.take("rlcodec", str),
        label=label,
    )


def _input(fields: _Fields) -> PlannedInput:
    return PlannedInput(
        name=fields.take("name", str),
        frames=fields.take("frames", int),
        declared_frames=fields.optional("declared_frames", int),
        width=fields.take("width", int),
        height=fields.take("height", int),
        rate=_fraction("input.rate", fields.take("rate", str)),
        duration_s=fields.take("duration_s", float),
    )


def _segment(fields: _Fields) -> PlannedSegment:
    return PlannedSegment(
        start_frame=fields.take("start_frame", int),
        frames=fields.take("frames", int),
        start_s=fields.take("start_s", float),
        crf=fields.take("crf", float),
        new_shot=fields.take("new_shot", bool),
    )


def _fraction(name: str, text: str) -> Fraction:
    # Not what else Fraction takes: 1e999999999 would keep it busy for hours
    match = re.fullmatch(r"([0-9]{1,9})(?:/([1-9][0-9]{0,8}))?", text)
    if match is None:
        raise _FieldError(f"{name} is {_shown(text)}: give a fraction like 25 or 30000/1001")
    return Fraction(int(match[1]), int(match[2] or 1))
