"""Reads a plan from a file that nobody vouches for."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from rlcodec.document import DocumentError, Fields, parse, read, shown
from rlcodec.errors import PlanError, SettingsError
from rlcodec.plans.record import FORMAT, VERSION, Plan, PlannedInput, PlannedSegment
from rlcodec.settings import Settings, parse_fps, parse_scale

MAX_BYTES = 16 * 2**20


def load_plan(path: str | Path) -> Plan:
    """Read a plan that `rlcodec plan` wrote, and that a person may have edited.

    Raises:
        PlanError: the file cannot be read, is larger than `MAX_BYTES`, is no plan, or one of a
            newer version, or a field of it is missing or wrong; the message names file and field.
    """
    label = str(path)
    try:
        data = read(path, "plan", MAX_BYTES)
    except DocumentError as error:
        raise PlanError(f"{label}: {error}") from error
    try:
        document = parse(data)
    except DocumentError as error:
        raise PlanError(f"{label}: is no plan: {error}") from error
    try:
        return _plan(Fields(document), label)
    except DocumentError as error:
        raise PlanError(f"{label}: {error}") from error


def _plan(document: Fields, label: str) -> Plan:
    form = document.take("format", str)
    if form != FORMAT:
        raise DocumentError(f"format is {shown(form)}, and not {FORMAT}: is this a plan?")
    version = document.take("version", int)
    if version != VERSION:
        hint = "update rlcodec" if version > VERSION else "plan the video anew"
        raise DocumentError(
            f"version is {shown(version)}, and this rlcodec reads {VERSION}: {hint}"
        )
    try:
        scale, fps = document.optional("scale", str), document.optional("fps", str)
        chosen = Settings(
            scale=None if scale is None else parse_scale(scale),
            fps=None if fps is None else parse_fps(str(_fraction("fps", fps))),
        )
    except SettingsError as error:
        raise DocumentError(str(error)) from error
    policy = document.fields("policy")
    return Plan(
        input=_input(document.fields("input")),
        codec=document.take("codec", str),
        preset=document.take("preset", str),
        crf=document.take("crf", float),
        policy=policy.take("name", str),
        policy_digest=policy.optional("digest", str),
        scale=chosen.scale,
        fps=chosen.fps,
        deinterlace=document.optional("deinterlace", str) or Settings.deinterlace,
        pix_fmt=document.optional("pix_fmt", str),
        segments=tuple(_segment(each) for each in document.each("segments")),
        rlcodec=document.take("rlcodec", str),
        label=label,
    )


def _input(fields: Fields) -> PlannedInput:
    return PlannedInput(
        name=fields.take("name", str),
        frames=fields.take("frames", int),
        declared_frames=fields.optional("declared_frames", int),
        width=fields.take("width", int),
        height=fields.take("height", int),
        rate=_fraction("input.rate", fields.take("rate", str)),
        duration_s=fields.take("duration_s", float),
    )


def _segment(fields: Fields) -> PlannedSegment:
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
        raise DocumentError(f"{name} is {shown(text)}: give a fraction like 25 or 30000/1001")
    return Fraction(int(match[1]), int(match[2] or 1))
