"""Which frames a page shows, and their pictures: both sides, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlcodec.errors import SettingsError
from rlcodec.media.luma import luma_of
from rlcodec.media.picture import Picture
from rlcodec.media.stills import Still, StillMaker, grey_still, still_size
from rlcodec.media.types import VideoFrame

LONGEST = 1280
"""The longest side of a picture, in pixels, where there is room."""
QUALITIES = (90, 80, 70, 55, 40)
"""WebP's qualities of pictures, the first where there is room: what it adds hardly shows."""
MAP_QUALITY = 60
APART_S = 1.0
"""Frames that are shown lie at least this far from each other, in seconds."""
WHITE_SSIM = 0.5
"""The local SSIM at which a difference map is white; it is black at 1."""
_WINDOW = 11
ABOUT_MAPS = (
    f"Difference maps are black where the local SSIM of luma (Gaussian window of {_WINDOW} pixels, "
    f"scikit-image) is 1, and white where it is {WHITE_SSIM:g} or less."
)
_TRANSFERS = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True)
class FramePair:
    """One frame of two videos.

    Attributes:
        place: its number, from 0.
        left, right: its pictures.
        difference: bright where the local SSIM is low.
    """

    place: int
    left: Still
    right: Still
    difference: Still

    @property
    def bytes(self) -> int:
        """Of all its pictures."""
        return sum(len(each.data) for each in (self.left, self.right, self.difference))


def require_extra() -> None:
    """See that what difference maps need is installed, before any work.

    Raises:
        SettingsError: it is not.
    """
    try:
        import_module("skimage.metrics")
    except ImportError as error:
        raise SettingsError(
            f"reports need {error.name}, which is not installed: pip install 'rlcodec[report]'"
        ) from error


def lowest(values: ArrayLike, times: Sequence[float], most: int) -> list[int]:
    """The places of the lowest values, lowest first, `APART_S` seconds from each other.

    Args:
        values: one for each frame; infinite ones are never taken.
        times: of the frames, in seconds.
        most: how many places at most.
    """
    left, seconds = np.array(values, np.float64), np.asarray(times)
    found: list[int] = []
    while len(found) < most and np.isfinite(left).any():
        place = int(np.argmin(np.where(np.isfinite(left), left, np.inf)))
        found.append(place)
        left[np.abs(seconds - seconds[place]) < APART_S] = np.inf
    return found


def picked(
    pairs: Iterable[tuple[VideoFrame, VideoFrame]],
    picture: Picture,
    places: Sequence[int],
    *,
    longest: int = LONGEST,
    most_bytes: float = math.inf,
) -> list[FramePair]:
    """The frames at `places`, in that order, of pairs of frames that look like `picture`.

    Where the pictures of a pair would take more than `most_bytes`, their quality is lowered, and
    their size is not; at the lowest quality they may take more.
    """
    taken: dict[int, FramePair] = {}
    for place, (good, bad) in enumerate(pairs):
        if len(taken) == len(places):
            break
        if place in places:
            difference = _difference(picture, good, bad, still_size(picture, longest))
            for quality in QUALITIES:
                maker = StillMaker(picture, longest, quality)
                left, right = maker.make(good), maker.make(bad)
                taken[place] = FramePair(place, left, right, difference)
                if taken[place].bytes <= most_bytes:
                    break
    return [taken[place] for place in places]


def how_shown(picture: Picture) -> str:
    """What the pictures of frames are, in words."""
    width, height = still_size(picture, LONGEST)
    words = f"Pictures are WebP at quality {QUALITIES[0]}, {width}x{height} pixels"
    if (width, height) != (picture.width, picture.height):
        words += f" for frames of {picture.width}x{picture.height}"
    if picture.bit_depth > 8:
        words += f", 8 bits deep for frames of {picture.bit_depth}"
    transfer = _TRANSFERS.get(picture.colour.transfer)
    if transfer is not None:
        words += f"; the video is HDR ({transfer}) and is shown as coded, so that it looks flat"
    return f"{words}. {ABOUT_MAPS}"


def _difference(
    picture: Picture, good: VideoFrame, bad: VideoFrame, size: tuple[int, int]
) -> Still:
    # Slow to load, and in an extra
    from skimage.metrics import structural_similarity  # noqa: PLC0415

    _, similarity = structural_similarity(  # type: ignore[no-untyped-call] # it ships no types
        luma_of(good),
        luma_of(bad),
        data_range=2**picture.bit_depth - 1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    levels: NDArray[np.uint8] = np.clip((1 - similarity) * (255 / (1 - WHITE_SSIM)), 0, 255).astype(
        np.uint8
    )
    return grey_still(levels, size, MAP_QUALITY)
