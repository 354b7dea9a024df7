"""A plan as text: its own JSON, a table, and the zones of other tools.

x264 and x265 zones are `first,last,b=multiplier` with both frames inside, joined by slashes. The
quantiser scale of the zone is divided by the multiplier, and doubles every 6 quantisers: an offset
d in CRF is a multiplier of 2 ** (-d / 6). Both encoders pass a keyframe by and give it the mean
quantiser of the frames before it: behind a cut at which the CRF rises by d, the keyframe is coded
better by d, and the shot has more bytes than planned by what that makes of its keyframe.

An Av1an zone is a line `start end encoder parameters`, with the end outside. Its parameters come
on top of those that Av1an was given as a whole; each zone is an encode of its own, whose CRF it is.
"""

from __future__ import annotations

import json

from rlcodec.plans.record import Plan

_AV1AN_ENCODERS = {"libx264": "x264", "libx265": "x265"}


def _as_json(plan: Plan) -> str:
    """One line for each segment: people edit them."""
    head = plan.as_dict()
    segments = head.pop("segments")
    assert isinstance(segments, list)
    opened = json.dumps(head, indent=2).removesuffix("\n}")
    lines = ",\n".join(f"    {json.dumps(each)}" for each in segments)
    return f'{opened},\n  "segments": [\n{lines}\n  ]\n}}'


def _as_csv(plan: Plan) -> str:
    lines = ["index,start_frame,frames,start_s,crf,offset,new_shot"]
    lines += [
        f"{decision.index},{each.start_frame},{each.frames},{each.start_s:.6f},"
        f"{_short(each.crf)},{_short(decision.offset)},{str(each.new_shot).lower()}"
        for each, decision in zip(plan.segments, plan.decisions(), strict=True)
    ]
    return "\n".join(lines)


def _as_zones(plan: Plan) -> str:
    return "/".join(
        f"{each.start_frame},{each.start_frame + each.frames - 1},b={2 ** (-each.offset / 6):.8f}"
        for each in plan.decisions()
    )


def _as_av1an_zones(plan: Plan) -> str:
    encoder = _AV1AN_ENCODERS[plan.codec]
    return "\n".join(
        f"{each.start_frame} {each.start_frame + each.frames} {encoder} --crf {_short(each.crf)}"
        for each in plan.segments
    )


def _short(value: float) -> str:
    """Six decimals without the zeros at the end."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


RENDERERS = {
    "json": _as_json,
    "csv": _as_csv,
    "x264-zones": _as_zones,
    "x265-zones": _as_zones,
    "av1an-zones": _as_av1an_zones,
}


def render(plan: Plan, form: str) -> str:
    """The text of a plan in one of the forms of `RENDERERS`, with a line break at its end."""
    return RENDERERS[form](plan) + "\n"
