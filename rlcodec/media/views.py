"""What two files have to be turned into before their pictures can be compared."""

from __future__ import annotations

from dataclasses import replace

import av
from av.video.format import VideoFormat

from rlcodec.errors import InputError
from rlcodec.media.graphs import chain
from rlcodec.media.picture import (
    MATRIX_BT709,
    MATRIX_NAMES,
    MATRIX_RGB,
    RANGE_FULL,
    RANGE_LIMITED,
    RANGE_NAMES,
    UNSPECIFIED,
    Colour,
    Picture,
)
from rlcodec.media.recipe import Recipe
from rlcodec.media.sidedata import display_axes, side_data
from rlcodec.media.source import Source

DEPTHS = (8, 10, 12)
"""Bits that every metric can take; deeper pictures lose what is beyond."""
_SUBSAMPLED = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}
# Not those of JPEG, which are the same with another range: the range is kept beside the format
_PLANAR = {
    f"yuv{chroma}p{'' if depth == 8 else f'{depth}le'}"
    for chroma in _SUBSAMPLED.values()
    for depth in DEPTHS
}


def views_of_both(
    reference: Source, distorted: Source
) -> tuple[tuple[View, View], Picture, list[str]]:
    """A view of each file, the picture that both give, and notes on what they change.

    Raises:
        InputError: the pictures differ in size.
    """
    good, bad = _upright(reference).picture, _upright(distorted).picture
    if (good.width, good.height) != (bad.width, bad.height):
        raise InputError(
            f"{distorted.label}: pictures of {bad.width}x{bad.height} cannot be scored against "
            f"{good.width}x{good.height} in {reference.label}"
        )
    picture = _common_picture(good, bad)
    notes = []
    if {each.pix_fmt.replace("yuvj", "yuv") for each in (good, bad)} != {picture.pix_fmt}:
        notes.append(
            f"{reference.label} holds {good.pix_fmt} and {distorted.label} {bad.pix_fmt}: "
            f"both are scored as {picture.pix_fmt}"
        )
    fields = [each.first_frame.interlaced_frame for each in (reference, distorted)]
    if any(fields):
        notes.append("interlaced frames are compared as they are stored, with both their fields")
    notes += _colour_notes(good, bad, reference.label, distorted.label)
    one, other = (
        View(source.picture, picture, _upright(source).steps, label=source.label)
        for source in (reference, distorted)
    )
    return (one, other), picture, notes


def view_of_encode(given: Picture, made: Source) -> tuple[tuple[View, View], Picture]:
    """A view of the frames that an encoder was given, one of the file it made, and what they show.

    `given` is what the former look like; nothing has to be turned or cropped any more.
    """
    picture = _common_picture(given, made.picture)
    label = made.label
    return (
        View(given, picture, [], label=label),
        View(made.picture, picture, [], label=label),
    ), picture


class View:
    """Frames of one source, as they are shown and converted to a picture that both files share."""

    def __init__(
        self, was: Picture, picture: Picture, steps: list[tuple[str, str | None]], *, label: str
    ) -> None:
        """Plan the way from frames that look like `was`, through filters, to those of `picture`."""
        steps = list(steps)
        changes = _scaler(was, picture)
        if changes is not None:
            steps += [("scale", changes), ("format", picture.pix_fmt)]
        self._label = label
        self._shape = (was.width, was.height, was.pix_fmt)
        self._graph = chain(*self._shape, was.time_base, *steps) if steps else None

    def show(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame as it is compared.

        Raises:
            InputError: it has another size or format than the first.
        """
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape:
            was, now = ("{}x{} {}".format(*each) for each in (self._shape, shape))
            raise InputError(
                f"{self._label}: the picture changes from {was} to {now} at {frame.time:.3f} s, "
                "and what follows cannot be scored; split the file there"
            )
        if self._graph is None:
            return frame
        self._graph.vpush(frame)
        return self._graph.vpull()


def _upright(source: Source) -> Recipe:
    """How the frames of a source become what a player shows: cropped and turned."""
    recipe = Recipe(source.picture, label=source.label)
    recipe.crop()
    recipe.orient(display_axes(side_data(source.first_frame)))
    return recipe


def _common_picture(good: Picture, bad: Picture) -> Picture:
    pix_fmt = _common_format(good.pix_fmt, bad.pix_fmt)
    return replace(good, pix_fmt=pix_fmt, colour=_common_colour(good, bad))


def _common_format(good: str, bad: str) -> str:
    """The planar YUV format with the greater depth and the finer chroma of the two."""
    if good == bad and good in _PLANAR:
        return good
    formats = [VideoFormat(name) for name in (good, bad)]
    depth = min(max(each.components[0].bits for each in formats), DEPTHS[-1])
    shared = min(each for each in DEPTHS if each >= depth)
    steps = [_chroma_steps(each) for each in formats]
    chroma = _SUBSAMPLED.get((min(x for x, _ in steps), min(y for _, y in steps)), "444")
    return f"yuv{chroma}p{'' if shared == 8 else f'{shared}le'}"


def _chroma_steps(pixels: VideoFormat) -> tuple[int, int]:
    """How often the sides of the chroma planes are halved; as 4:2:0 where there are none."""
    if len(pixels.components) < 3 and not pixels.has_palette:
        return 1, 1
    if pixels.is_rgb or pixels.has_palette:
        return 0, 0
    ratios = (64 // pixels.chroma_width(64), 64 // pixels.chroma_height(64))
    across, down = (ratio.bit_length() - 1 for ratio in ratios)
    return across, down


def _is_rgb(picture: Picture) -> bool:
    pixels = VideoFormat(picture.pix_fmt)
    return pixels.is_rgb or pixels.has_palette or picture.colour.matrix == MATRIX_RGB


def _range(picture: Picture) -> int:
    """The range, limited where a file does not say, as players take it."""
    return RANGE_FULL if picture.colour.range == RANGE_FULL else RANGE_LIMITED


def _common_colour(good: Picture, bad: Picture) -> Colour:
    """The reference's colour; of RGB, what the other file made of it."""
    source = bad if _is_rgb(good) else good
    if _is_rgb(source):
        return replace(source.colour, matrix=MATRIX_BT709, range=RANGE_LIMITED)
    matrix = source.colour.matrix
    if _is_rgb(good) and matrix == UNSPECIFIED:
        matrix = MATRIX_BT709
    return replace(source.colour, matrix=matrix, range=_range(source))


def _scaler(was: Picture, shared: Picture) -> str | None:
    """What the scaler has to be told; None where it has nothing to do."""
    target = MATRIX_NAMES.get(shared.colour.matrix)
    own = target if _is_rgb(was) else MATRIX_NAMES.get(was.colour.matrix)
    # All four are always named: where the filter guesses one of them it guesses wrong
    ranges = (RANGE_NAMES[_range(was)], RANGE_NAMES[shared.colour.range])
    matrices = (own or target or "bt709", target or own or "bt709")
    if was.pix_fmt == shared.pix_fmt and len(set(ranges)) == len(set(matrices)) == 1:
        return None
    return (
        f"flags=bicubic+accurate_rnd:in_range={ranges[0]}:out_range={ranges[1]}:"
        f"in_color_matrix={matrices[0]}:out_color_matrix={matrices[1]}"
    )


def _colour_notes(good: Picture, bad: Picture, reference: str, distorted: str) -> list[str]:
    if _is_rgb(good) or _is_rgb(bad):
        return []
    notes = []
    if _range(good) != _range(bad):
        notes.append(f"{distorted} is brought to the range of {reference}")
    one, other = good.colour, bad.colour
    if UNSPECIFIED not in {one.matrix, other.matrix}:
        names = [MATRIX_NAMES.get(each.matrix) for each in (one, other)]
        if None not in names and names[0] != names[1]:
            notes.append(f"{distorted} is brought to the colour matrix of {reference}")
        elif one.matrix != other.matrix and None in names:
            notes.append("the colour matrices differ, and are compared as they are coded")
    for name in ("primaries", "transfer"):
        codes = {getattr(one, name), getattr(other, name)}
        if UNSPECIFIED not in codes and len(codes) > 1:
            notes.append(f"the files differ in colour {name}, and are compared as they are coded")
    return notes
