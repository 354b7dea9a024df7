"""What the user asks for: one frozen record, checked once, when it is made."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import TypedDict

from rlcodec.errors import SettingsError
from rlcodec.options import check_options

CODECS = ("libx264", "libx265")
SHIPPED_POLICIES = ("balanced", "psnr", "ssim")
POLICIES = (*SHIPPED_POLICIES, "rule", "fixed")
DEFAULT_POLICY = "balanced"
"""What decides where no policy is named; `rule` does where it does not fit."""
SCOPES = ("title", "library")
DEINTERLACE = ("auto", "off", "on")
CRF_RANGE = (0.0, 51.0)
MAX_OFFSET_RANGE = (0.0, 20.0)
MAX_PIXELS = 8192 * 4352
# FFmpeg's filters round rates whose terms exceed 1001000, and timestamps would drift apart
LARGEST_FPS, LARGEST_FPS_DENOMINATOR = 1000, 1001

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to transcode one file.

    Attributes:
        codec: the encoder, one of `CODECS`.
        preset: the encoder's speed preset.
        crf: base CRF, `CRF_RANGE`; the policy moves every segment away from it.
        encoder_options: further options of the encoder, by its own names.
        policy: one of `POLICIES`, or the path of a policy file: a text with a dot or a slash in it.
            None stands for `DEFAULT_POLICY` where that fits codec, preset, base CRF, encoder
            options and picture, and else for `rule`, which a `Notice` then says.
        scope: one of `SCOPES`: whether a policy moves bytes between the shots of this file, or
            takes it for one of a library and may give it more or fewer bytes as a whole.
        max_offset: how far, in CRF, a policy may leave `crf`.
        pix_fmt: pixel format of the output; None keeps the input's where the encoder can.
        scale: width and height of the output in pixels; -1 for one of them keeps the
            shape of the picture; None keeps both.
        fps: constant frame rate of the output; None keeps every timestamp.
        deinterlace: one of `DEINTERLACE`: frames that say they are interlaced, none, or all.
        max_pixels: the largest picture, in pixels, that is decoded.
        allow_truncated: whether an input that ends too early, or is damaged, is encoded as far as
            it can be decoded.
        audio: whether audio is kept.
        subtitles: whether subtitles are kept.

    Raises:
        SettingsError: a value is out of range; the message names it and the range.
    """

    codec: str = "libx264"
    preset: str = "medium"
    crf: float = 23.0
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    scope: str = "title"
    max_offset: float = 8.0
    pix_fmt: str | None = None
    scale: tuple[int, int] | None = None
    fps: Fraction | None = None
    deinterlace: str = "auto"
    max_pixels: int = MAX_PIXELS
    allow_truncated: bool = False
    audio: bool = True
    subtitles: bool = True

    def __post_init__(self) -> None:
        _require_one_of("codec", self.codec, CODECS)
        _require_one_of("preset", self.preset, PRESETS)
        _check_policy(self.policy)
        _require_one_of("scope", self.scope, SCOPES)
        _require_one_of("deinterlace", self.deinterlace, DEINTERLACE)
        _require_within("crf", self.crf, CRF_RANGE)
        _require_within("max_offset", self.max_offset, MAX_OFFSET_RANGE)
        if self.max_pixels < 1:
            raise SettingsError(f"max_pixels is {self.max_pixels}: give at least 1")
        if self.scale is not None:
            _check_scale(self.scale)
        if self.fps is not None:
            _check_fps(Fraction(self.fps), str(self.fps))
            object.__setattr__(self, "fps", Fraction(self.fps))
        check_options(self.codec, self.encoder_options)
        options = MappingProxyType(dict(self.encoder_options))
        object.__setattr__(self, "encoder_options", options)


class Choices(TypedDict, total=False):
    """The fields of `Settings` as keyword arguments, each with its default there."""

    codec: str
    preset: str
    crf: float
    encoder_options: Mapping[str, str]
    policy: str | None
    scope: str
    max_offset: float
    pix_fmt: str | None
    scale: tuple[int, int] | None
    fps: Fraction | None
    deinterlace: str
    max_pixels: int
    allow_truncated: bool
    audio: bool
    subtitles: bool


def parse_scale(text: str) -> tuple[int, int]:
    """Read `1280x720`, `-1x720` or `1280x-1`: width and height in pixels.

    Raises:
        SettingsError: the text has another form.
    """
    match = re.fullmatch(r"(-1|\d{1,5})[x:](-1|\d{1,5})", text)
    if match is None:
        raise SettingsError(
            f"scale is {text!r}: give width and height like 1280x720, or -1x720 to keep the shape"
        )
    scale = (int(match[1]), int(match[2]))
    _check_scale(scale)
    return scale


def parse_fps(text: str) -> Fraction:
    """Read `25`, `29.97` or `30000/1001` exactly.

    Raises:
        SettingsError: the text is no number, or one that FFmpeg would have to round.
    """
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    _check_fps(fps, text)
    return fps


def _check_fps(fps: Fraction, shown: str) -> None:
    if not 0 < fps <= LARGEST_FPS or fps.denominator > LARGEST_FPS_DENOMINATOR:
        raise SettingsError(
            f"fps is {shown}: give a rate above 0 and up to {LARGEST_FPS}, like 25, 29.97 or "
            f"30000/1001, as a fraction over {LARGEST_FPS_DENOMINATOR} at most"
        )


def _check_scale(scale: tuple[int, int]) -> None:
    kept = [side for side in scale if side == -1]
    if len(kept) > 1 or any(side != -1 and not 2 <= side <= 16384 for side in scale):
        raise SettingsError(
            f"scale is {scale[0]}x{scale[1]}: each side must be 2 to 16384 pixels, "
            "and only one may be -1"
        )


def _check_policy(policy: str | None) -> None:
    if policy is None or policy in POLICIES or "." in policy or os.sep in policy:
        return
    raise SettingsError(
        f"policy {policy!r} is not known: choose one of {', '.join(POLICIES)}, or name a policy "
        f"file, as .{os.sep}{policy} if that is one"
    )


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(f"{name} {value!r} is not known: choose one of {', '.join(known)}")


def _require_within(name: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(f"{name} is {value:g}: it must lie between {low:g} and {high:g}")
