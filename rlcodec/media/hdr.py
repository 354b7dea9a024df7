"""HDR metadata: read exactly from decoded frames, and handed to the encoders in their own terms."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.sidedata.sidedata import Type as SideDataType

from rlcodec.media.sidedata import side_data

# AVMasteringDisplayMetadata in libavutil/mastering_display_metadata.h: x and y of red, green, blue
# and of the white point, lowest and highest luminance, all as fractions; which of them are known
_MASTERING = struct.Struct("<20i2i")
# AVContentLightMetadata in the same header
_LIGHT_LEVEL = struct.Struct("<2I")
# Steps of the SEI message (H.265, D.3.28): of chromaticity, and of luminance in cd/m2
_CHROMATICITY, _LUMINANCE = Fraction(1, 50000), Fraction(1, 10000)


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The display on which a title was graded, in the steps of its SEI message.

    Attributes:
        primaries: x and y of red, green and blue, in 1/50000; 0 where they are not known.
        white: x and y of the white point, likewise.
        luminance: lowest and highest, in 1/10000 cd/m2; 0 where they are not known.
    """

    primaries: tuple[tuple[int, int], ...]
    white: tuple[int, int]
    luminance: tuple[int, int]

    def __str__(self) -> str:
        """The form that x264 and x265 take."""
        (red_x, red_y), (green_x, green_y), (blue_x, blue_y) = self.primaries
        return (
            f"G({green_x},{green_y})B({blue_x},{blue_y})R({red_x},{red_y})"
            f"WP({self.white[0]},{self.white[1]})L({self.luminance[1]},{self.luminance[0]})"
        )


@dataclass(frozen=True, slots=True)
class Hdr:
    """Static HDR metadata (SMPTE ST 2086, CTA-861.3), None where a stream has none.

    `light_level` is the maximum content and frame-average light level in cd/m2.
    """

    mastering: MasteringDisplay | None = None
    light_level: tuple[int, int] | None = None


NO_HDR = Hdr()


def hdr_of(frame: av.VideoFrame) -> Hdr:
    """The static HDR metadata that came with a decoded frame."""
    found = side_data(frame)
    mastering = found.get(SideDataType.MASTERING_DISPLAY_METADATA)
    light_level = found.get(SideDataType.CONTENT_LIGHT_LEVEL)
    return Hdr(
        None if mastering is None else _mastering(mastering),
        None if light_level is None else _LIGHT_LEVEL.unpack_from(light_level),
    )


def _mastering(data: bytes) -> MasteringDisplay:
    *terms, has_primaries, has_luminance = _MASTERING.unpack_from(data)
    # A denominator of 0 is that of a field nobody has set
    values = [
        Fraction(top, bottom) if bottom else Fraction(0)
        for top, bottom in zip(terms[::2], terms[1::2], strict=True)
    ]
    places = [round(value / _CHROMATICITY) if has_primaries else 0 for value in values[:8]]
    low, high = (round(value / _LUMINANCE) if has_luminance else 0 for value in values[8:])
    red, green, blue, white = zip(places[::2], places[1::2], strict=True)
    return MasteringDisplay((red, green, blue), white, (low, high))


def with_hdr(codec: str, options: Mapping[str, str], hdr: Hdr) -> dict[str, str]:
    """The options of an encoder with `hdr` among its parameters; the user's own come after it.

    Both encoders then write it at every keyframe. Beside a mastering display x265 writes light
    levels of 0, which stand for unknown, where it is given none.
    """
    x265 = codec == "libx265"
    parameters = []
    if hdr.mastering is not None:
        name = "master-display" if x265 else "mastering-display"
        parameters.append(f"{name}={hdr.mastering}")
    if hdr.light_level is not None:
        name = "max-cll" if x265 else "cll"
        parameters.append(f"{name}={hdr.light_level[0]},{hdr.light_level[1]}")
    if not parameters:
        return dict(options)
    key = "x265-params" if x265 else "x264-params"
    return {**options, key: ":".join([*parameters, *filter(None, [options.get(key)])])}
