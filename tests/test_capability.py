"""What `inspect` claims of an encoder, held against encodes."""

from __future__ import annotations

from functools import cache

import pytest

from rlcodec.engine.setup import capability_for
from rlcodec.errors import OffsetError, SettingsError
from rlcodec.media.capability import EXACT, Capability, Control, inspect
from rlcodec.media.encoder import encoder_options
from rlcodec.settings import PRESETS, Settings
from tests import clips
from tests.encodes import encode

BASE = 24
TOLERANCES = {"libx264": 0.03, "libx265": 0.05}
"""By how much the bytes of an exact offset may miss those of their own CRF.

A tiny clip is mostly its first frame, and a quantiser that is rounded otherwise in a handful of
frames is 1 % of it.
"""
SCALED_TOLERANCES = {"libx264": 0.06, "libx265": 0.08}
"""The same where the encoder evens offsets out by a power of what it takes for complexity.

libx265 also spends bits on telling the large quantiser steps inside of every frame.
"""

X264_TUNES = (
    "film",
    "animation",
    "grain",
    "stillimage",
    "psnr",
    "ssim",
    "touhou",
    "fastdecode",
    "zerolatency",
)
X265_TUNES = ("psnr", "ssim", "grain", "zerolatency", "fastdecode", "animation", "vmaf")
SETUPS = [
    (codec, preset, tune)
    for codec, tunes in (("libx264", X264_TUNES), ("libx265", X265_TUNES))
    for preset in PRESETS
    for tune in (None, *tunes)
]
FRAMES = {
    # With 30 frames it misses by up to 16 %
    ("libx264", "superfast"): 90,
    ("libx264", "slower"): 16,
    ("libx264", "veryslow"): 16,
    ("libx264", "placebo"): 14,
    ("libx265", "slow"): 16,
    ("libx265", "slower"): 10,
    ("libx265", "veryslow"): 8,
    ("libx265", "placebo"): 6,
}
"""Slow presets get fewer frames than the usual 30."""


@cache
def pictures(count: int) -> list[clips.Picture]:
    return clips.filmed("coffee", count, width=256, height=144)


def prove(codec: str, preset: str, options: dict[str, str], offset: float) -> Capability:
    """What `inspect` says of an encoder set up like this, after encodes have shown it true."""
    capability = inspect(codec, "yuv420p", encoder_options(codec, preset, BASE, options))

    def size(crf: float, offset: float | None = None, claim: Capability = capability) -> int:
        return encode(
            codec,
            pictures(FRAMES.get((codec, preset), 30)),
            crf=crf,
            offsets=offset,
            preset=preset,
            options=options,
            capability=claim,
        ).size

    if capability.control is Control.ABSENT:
        assert size(BASE, offset) == size(BASE)
        return capability
    own = size(BASE + offset)
    missed = abs(size(BASE, offset) / own - 1)
    if capability.control is Control.EXACT:
        assert capability.gain == 1
        assert missed <= TOLERANCES[codec]
    else:
        assert missed <= SCALED_TOLERANCES[codec]
        if capability.gain != 1:
            assert missed < abs(size(BASE, offset, EXACT) / own - 1) / 2
    return capability


@pytest.mark.parametrize(("codec", "preset", "tune"), SETUPS)
def test_every_preset_and_tune(codec: str, preset: str, tune: str | None) -> None:
    # Up for every second one and down for the others, to encode each as seldom as possible
    offset = 6 if SETUPS.index((codec, preset, tune)) % 2 else -6
    prove(codec, preset, {} if tune is None else {"tune": tune}, offset)


@pytest.mark.parametrize("offset", [-6, -1.5, 2.25, 6])
def test_the_usual_setup_is_exact_within_one_percent(offset: float) -> None:
    frames = clips.filmed("astronaut", 40, width=384, height=216)
    own = encode("libx264", frames, crf=BASE + offset)
    assert encode("libx264", frames, crf=BASE, offsets=offset).size == pytest.approx(
        own.size, rel=0.01
    )


@pytest.mark.parametrize(
    ("codec", "preset", "options", "control", "gain"),
    [
        ("libx264", "medium", {"x264-params": "aq-mode=0"}, Control.ABSENT, 1),
        ("libx264", "medium", {"aq-mode": "0"}, Control.ABSENT, 1),
        ("libx264", "medium", {"x264-params": "mbtree=0"}, Control.SCALED, 1 / 0.6),
        ("libx264", "medium", {"x264-params": "mbtree=0:qcomp=0.8"}, Control.SCALED, 1 / 0.8),
        ("libx264", "medium", {"x264-params": "mbtree=0:qcomp=1"}, Control.SCALED, 1),
        ("libx264", "medium", {"qcomp": "0.8"}, Control.EXACT, 1),
        # Without a lookahead there is no tree
        ("libx264", "medium", {"x264-params": "rc-lookahead=0"}, Control.SCALED, 1 / 0.6),
        # x264 drops the tree by itself at qcomp 1, where it would do nothing
        ("libx264", "medium", {"x264-params": "qcomp=1"}, Control.SCALED, 1),
        ("libx264", "medium", {"crf": "0"}, Control.ABSENT, 1),
        (
            "libx264",
            "medium",
            {"tune": "psnr", "x264-params": "aq-mode=1:aq-strength=0"},
            Control.EXACT,
            1,
        ),
        ("libx264", "ultrafast", {"x264-params": "aq-mode=1:aq-strength=0"}, Control.ABSENT, 1),
        ("libx265", "medium", {"x265-params": "cutree=0"}, Control.SCALED, 1 / 0.6),
        ("libx265", "medium", {"x265-params": "aq-mode=0"}, Control.ABSENT, 1),
        ("libx265", "medium", {"x265-params": "aq-strength=0"}, Control.EXACT, 1),
        ("libx265", "medium", {"x265-params": "aq-strength=0:cutree=0"}, Control.ABSENT, 1),
        ("libx265", "medium", {"x265-params": "lossless=1"}, Control.ABSENT, 1),
    ],
)
def test_options_of_the_user(
    codec: str, preset: str, options: dict[str, str], control: Control, gain: float
) -> None:
    found = prove(codec, preset, options, -6)
    assert found.control is control
    assert found.gain == pytest.approx(gain)
    assert (found.reason == "") == (control is Control.EXACT)


@pytest.mark.parametrize(
    ("codec", "preset", "options", "name"),
    [
        ("libx264", "ultrafast", {}, "libx264 with preset ultrafast cannot"),
        ("libx264", "slow", {"tune": "psnr"}, "libx264 with preset slow, tune psnr cannot"),
        ("libx265", "superfast", {}, "libx265 with preset superfast cannot"),
        ("libx265", "medium", {"tune": "grain"}, "libx265 with preset medium, tune grain cannot"),
    ],
)
def test_what_cannot_change_crf_is_refused_by_name(
    codec: str, preset: str, options: dict[str, str], name: str
) -> None:
    settings = Settings(codec=codec, preset=preset, encoder_options=options)
    with pytest.raises(OffsetError, match=name):
        capability_for(settings, "yuv420p")
    fixed = Settings(codec=codec, preset=preset, encoder_options=options, policy="fixed")
    assert capability_for(fixed, "yuv420p") is None


def test_lossless_cannot_change_crf() -> None:
    with pytest.raises(OffsetError, match="its rate control is cqp, not crf"):
        capability_for(Settings(crf=0), "yuv420p")


def test_offsets_that_would_be_evened_out_are_none() -> None:
    options = encoder_options("libx264", "superfast", BASE, {"qcomp": "0"})
    assert inspect("libx264", "yuv420p", options).control is Control.ABSENT


def test_ten_bits_answer_like_eight() -> None:
    for codec, preset in (("libx264", "medium"), ("libx264", "superfast"), ("libx265", "medium")):
        options = encoder_options(codec, preset, BASE, {})
        assert inspect(codec, "yuv420p10le", options) == inspect(codec, "yuv420p", options)


@pytest.mark.parametrize(
    ("codec", "options", "named"),
    [
        ("libx264", {"no-such-option": "1"}, "no-such-option"),
        ("libx264", {"x264-params": "no-such-option=1"}, "no-such-option"),
        ("libx264", {"x264-params": "subme=best"}, "subme"),
        ("libx264", {"tune": "radio"}, "radio"),
        ("libx264", {"crf": "many"}, "crf"),
        ("libx265", {"no-such-option": "1"}, "no-such-option"),
        ("libx265", {"x265-params": "no-such-option=1"}, "no-such-option"),
        ("libx265", {"x265-params": "rd=best"}, "rd"),
        ("libx265", {"tune": "radio"}, "radio"),
    ],
)
def test_unknown_options_and_values_are_refused(
    codec: str, options: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        inspect(codec, "yuv420p", encoder_options(codec, "medium", BASE, options))
