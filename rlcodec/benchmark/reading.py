"""Reads the results of a benchmark back from the file that keeps them."""

from __future__ import annotations

from pathlib import Path

from rlcodec.benchmark.results import (
    FORMAT,
    VERSION,
    AtTarget,
    ClipResult,
    Cost,
    Curve,
    Failed,
    Method,
    Part,
    Point,
    Results,
    Score,
    SetResult,
)
from rlcodec.document import DocumentError, Fields, parse, read, shown
from rlcodec.engine.comparison import ShotScore
from rlcodec.errors import InputError

_LARGEST = 2**28
_LONG_TEXT = 4096


def read_results(path: str | Path) -> Results:
    """The results that `rlcodec benchmark` wrote to `path`.

    Raises:
        InputError: the file cannot be read, is of another kind or version, or a field is missing or
            of the wrong kind; the message names the field.
    """
    try:
        return _results(parse(read(path, "benchmark", _LARGEST)))
    except DocumentError as error:
        raise InputError(
            f"{path}: cannot be read as results of a benchmark: {error}; rlcodec benchmark "
            "writes them"
        ) from error


def _results(document: object) -> Results:
    fields = Fields(document)
    said = fields.take("format", str), fields.take("version", int)
    if said != (FORMAT, VERSION):
        raise DocumentError(
            f"it is {shown(said[0])} of version {said[1]}, and this rlcodec reads {FORMAT} of "
            f"version {VERSION}"
        )
    cost = fields.fields("cost")
    return Results(
        rlcodec=fields.take("rlcodec", str),
        libraries=fields.take("libraries", str),
        system=fields.take("system", str),
        cores=fields.take("cores", int),
        codec=fields.take("codec", str),
        preset=fields.take("preset", str),
        crfs=fields.list_of("crfs", float),
        metrics=fields.list_of("metrics", str),
        target_metric=fields.take("target_metric", str),
        methods=tuple(_method(each) for each in fields.each("methods")),
        clips=tuple(_clip(each) for each in fields.each("clips")),
        sets=tuple(_set(each) for each in fields.each("sets")),
        failures=tuple(
            Failed(
                input=each.take("input", str, longest=_LONG_TEXT),
                error=each.take("error", str, longest=_LONG_TEXT),
            )
            for each in fields.each("failures")
        ),
        notes=fields.list_of("notes", str),
        cost=Cost(**{name: cost.take(name, float) for name in Cost.__slots__}),
    )


def _method(fields: Fields) -> Method:
    return Method(
        name=fields.take("name", str),
        kind=fields.take("kind", str),
        source=fields.take("source", str),
        digest=fields.optional("digest", str),
        of=fields.optional("of", str),
    )


def _clip(fields: Fields) -> ClipResult:
    return ClipResult(
        name=fields.take("name", str),
        input=fields.take("input", str, longest=_LONG_TEXT),
        digest=fields.take("digest", str),
        group=fields.take("group", str),
        width=fields.take("width", int),
        height=fields.take("height", int),
        frames=fields.take("frames", int),
        rate=fields.take("rate", float),
        duration_s=fields.take("duration_s", float),
        shots=fields.take("shots", int),
        set=fields.optional("set", str),
        curves=tuple(_curve(each) for each in fields.each("curves")),
    )


def _set(fields: Fields) -> SetResult:
    return SetResult(
        name=fields.take("name", str),
        clips=fields.list_of("clips", str),
        curves=tuple(_curve(each) for each in fields.each("curves")),
    )


def _curve(fields: Fields) -> Curve:
    rates, intervals = fields.fields("bd_rates"), fields.fields("intervals")
    return Curve(
        method=fields.take("method", str),
        scope=fields.take("scope", str),
        points=tuple(_point(each) for each in fields.each("points")),
        bd_rates={name: rates.optional(name, float) for name in fields.take("bd_rates", dict)},
        intervals={name: intervals.pair_of(name, float) for name in fields.take("intervals", dict)},
        problems=fields.dict_of("problems", str, longest=_LONG_TEXT),
        oracle_share=fields.optional("oracle_share", float),
        bytes_ratio=fields.optional("bytes_ratio", float),
        wall_s=fields.take("wall_s", float),
        cpu_s=fields.take("cpu_s", float),
        wall_ratio=fields.optional("wall_ratio", float),
        cpu_ratio=fields.optional("cpu_ratio", float),
        encodes=fields.take("encodes", float),
        peak_memory=_bytes(fields, "peak_memory"),
        at_target=tuple(
            AtTarget(
                crf=each.take("crf", float),
                bytes_ratio=each.take("bytes_ratio", float),
                wall_ratio=each.take("wall_ratio", float),
                p5_gain=each.take("p5_gain", float),
                miss=each.take("miss", float),
                interpolated=each.take("interpolated", bool),
                clips=each.take("clips", int),
            )
            for each in fields.each("at_target")
        ),
    )


def _point(fields: Fields) -> Point:
    scores = fields.fields("scores")
    return Point(
        crf=fields.take("crf", float),
        chosen_crf=fields.optional("chosen_crf", float),
        bytes=_bytes(fields, "bytes") or 0,
        scores={name: _score(scores.fields(name)) for name in fields.take("scores", dict)},
        target=fields.optional("target", float),
        wall_s=fields.take("wall_s", float),
        cpu_s=fields.take("cpu_s", float),
        peak_memory=_bytes(fields, "peak_memory"),
        encodes=fields.take("encodes", float),
        parts=tuple(
            Part(
                start_frame=each.take("start_frame", int),
                frames=each.take("frames", int),
                crf=each.optional("crf", float),
                bytes=each.take("bytes", int),
                psnr_y=each.take("psnr_y", float),
                ssim_y=each.take("ssim_y", float),
            )
            for each in fields.each("parts")
        ),
    )


def _score(fields: Fields) -> Score:
    shot = fields.fields("worst_shot")
    return Score(
        mean=fields.take("mean", float),
        harmonic_mean=fields.take("harmonic_mean", float),
        p5=fields.take("p5", float),
        worst_shot=ShotScore(
            start_frame=shot.take("start_frame", int),
            frames=shot.take("frames", int),
            start_s=shot.take("start_s", float),
            mean=shot.take("mean", float),
        ),
        worst_clip=fields.optional("worst_clip", str),
    )


def _bytes(fields: Fields, name: str) -> int | None:
    # A library may have more of them than `Fields` lets a whole number be
    value = fields.optional(name, float)
    return None if value is None else round(value)
