"""From the source's frames to the encoder's: whole, upright, in one size, format and rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import av
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType

from rlcodec.errors import InputError
from rlcodec.media.encoder import codes_fields, pixel_formats
from rlcodec.media.graphs import chain
from rlcodec.media.recipe import Recipe
from rlcodec.media.sidedata import display_axes, side_data
from rlcodec.media.source import Source
from rlcodec.media.stated import NO_CROPPING, DolbyVision
from rlcodec.settings import Settings

_HDR_PLUS = "HDR10+ metadata is left out; the static HDR10 metadata is kept"
_DROPPED = {
    SideDataType.DYNAMIC_HDR_PLUS: _HDR_PLUS,
    SideDataType.DYNAMIC_HDR_VIVID: "HDR Vivid metadata is left out",
    SideDataType.DOVI_RPU_BUFFER: "Dolby Vision metadata is left out",
}
_CAPTIONS = "closed captions lose or repeat characters where --fps drops or repeats frames"


class _Shape(NamedTuple):
    """What the filters depend on and may change within a stream."""

    width: int
    height: int
    pix_fmt: str
    axes: tuple[int, int, int, int]
    aspect: Fraction | None

    def __str__(self) -> str:
        turned = "" if self.axes == (1, 0, 0, 1) else ", turned"
        pixels = (
            "" if self.aspect is None else ", pixels {}:{}".format(*self.aspect.as_integer_ratio())
        )
        return f"{self.width}x{self.height} {self.pix_fmt}{pixels}{turned}"


class PictureFilter:
    """Turns decoded frames into frames that the encoder takes, by FFmpeg's filters.

    Where nothing has to change, frames pass untouched. Where the picture changes in the midst of a
    stream, it is fitted into what came out before. `picture` says what comes out. `notes` say what
    was changed, or left out, without having been asked for; who has read them may clear them.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        """Plan the filters from the first frame of `source` and the user's `settings`.

        Raises:
            InputError: the picture is too small to be encoded.
            SettingsError: the encoder does not take the pixel format, or `scale` makes the picture
                too large.
        """
        self._source = source
        self._settings = settings
        self._stated = source.picture
        self._notes: list[str] = []
        self._told = set[str]()
        frame = source.first_frame
        self._shape = self._first_shape = self._shape_of(frame, side_data(frame))
        self._interlaced = frame.interlaced_frame
        recipe = self._begin()
        self._pix_fmt = recipe.target_format(pixel_formats(settings.codec), settings.pix_fmt)
        self._finish_first(recipe)
        self.picture = recipe.picture
        self._graph = self._made(recipe)
        self._rate: Graph | None = None
        if settings.fps is not None:
            made = self.picture
            shape = (made.width, made.height, made.pix_fmt, made.time_base)
            self._rate = chain(*shape, ("fps", f"fps={settings.fps}"))
            self.picture = replace(made, time_base=1 / settings.fps, rate=settings.fps)
        self._note_fields()
        if self._stated.dolby_vision is not None:
            self._told.add(_DROPPED[SideDataType.DOVI_RPU_BUFFER])
            self._notes.append(_without(self._stated.dolby_vision))
        self._notes += recipe.notes

    def take_notes(self) -> list[str]:
        """What was changed, without having been asked for, since this was last asked."""
        notes, self._notes = self._notes, []
        return notes

    def push(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """Frames that are ready once `frame` has gone in."""
        attached = side_data(frame)
        self._note_dropped(attached)
        shape = self._shape_of(frame, attached)
        fields = frame.interlaced_frame and not self._interlaced
        ready: list[av.VideoFrame] = []
        if fields or shape != self._shape:
            ready = self._filtered(None)
            place = f"{float(self._stated.time_base * (frame.pts or 0)):.3f} s"
            if fields:
                self._interlaced = True
                self._note_fields_from(place)
            if shape != self._shape:
                self._note_change(shape, place)
                self._shape = shape
            self._graph = self._made(self._again())
        return self._at_rate(ready + self._filtered(frame))

    def flush(self) -> list[av.VideoFrame]:
        """Frames that the filters still hold when the stream has ended."""
        ready = self._at_rate(self._filtered(None))
        if self._rate is not None:
            self._rate.vpush(None)
            ready += _pulled(self._rate, self.picture.time_base)
        return ready

    def _filtered(self, frame: av.VideoFrame | None) -> list[av.VideoFrame]:
        """What comes out for `frame`; None has the filters give what they hold, and ends them."""
        if self._graph is None:
            return [] if frame is None else [frame]
        try:
            self._graph.vpush(frame)
            ready = _pulled(self._graph, self._stated.time_base)
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self._source.label}: its pictures cannot be converted ({error.strerror}); name "
                "another --pix-fmt, or leave --scale out"
            ) from error
        if self._deinterlaces:
            # Its ticks are half as long, and what it gives stands on whole ones
            for each in ready:
                each.pts, each.duration = (each.pts or 0) // 2, (each.duration or 0) // 2
        return ready

    def _at_rate(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        if self._rate is None:
            return frames
        ready = []
        for frame in frames:
            self._rate.vpush(frame)
            ready += _pulled(self._rate, self.picture.time_base)
        return ready

    def _shape_of(self, frame: av.VideoFrame, attached: Mapping[SideDataType, bytes]) -> _Shape:
        return _Shape(
            frame.width,
            frame.height,
            frame.format.name,
            display_axes(attached),
            self._source.decoded_aspect_ratio,
        )

    @property
    def _deinterlaces(self) -> bool:
        mode = self._settings.deinterlace
        return mode == "on" or (mode == "auto" and self._interlaced)

    def _begin(self) -> Recipe:
        """From what is decoded now to a whole and upright picture."""
        shape, first = self._shape, self._first_shape
        aspect = self._stated.sample_aspect_ratio
        if shape.aspect and first.aspect:
            aspect *= shape.aspect / first.aspect
        # What the container wants cut off was meant for pictures of the first size
        is_first_size = (shape.width, shape.height) == (first.width, first.height)
        decoded = replace(
            self._stated,
            width=shape.width,
            height=shape.height,
            pix_fmt=shape.pix_fmt,
            sample_aspect_ratio=aspect,
            interlaced=self._stated.interlaced and self._settings.deinterlace == "off",
            cropping=self._stated.cropping if is_first_size else NO_CROPPING,
        )
        recipe = Recipe(decoded, label=self._source.label)
        if self._deinterlaces:
            recipe.deinterlace(every_frame=self._settings.deinterlace == "on")
        recipe.crop()
        recipe.orient(shape.axes)
        return recipe

    def _finish_first(self, recipe: Recipe) -> None:
        if self._settings.scale is not None:
            recipe.resize(self._settings.scale)
        recipe.fit_to_chroma(self._pix_fmt)
        recipe.convert(self._pix_fmt)
        made = recipe.picture
        fields = made.interlaced and codes_fields(self._settings.codec, made.height)
        recipe.picture = replace(made, interlaced=fields)

    def _again(self) -> Recipe:
        """From what is decoded now to the picture that has come out so far."""
        recipe = self._begin()
        if self._shape == self._first_shape:
            self._finish_first(recipe)
        else:
            recipe.fit_into(self.picture)
            recipe.convert(self._pix_fmt)
        return recipe

    def _made(self, recipe: Recipe) -> Graph | None:
        if not recipe.steps:
            return None
        shape = (self._shape.width, self._shape.height, self._shape.pix_fmt)
        return chain(*shape, self._stated.time_base, *recipe.steps, threads=0)

    def _note_fields(self) -> None:
        mode = self._settings.deinterlace
        if mode == "auto" and self._interlaced:
            self._notes.append(
                "frames are interlaced and are made whole ones (--deinterlace off keeps the fields)"
            )
        elif mode == "off" and self._stated.interlaced and not self.picture.interlaced:
            self._notes.append(
                f"{self._settings.codec} cannot encode these interlaced frames as such: their "
                "fields stay woven together (--deinterlace auto makes whole frames of them)"
            )

    def _note_fields_from(self, place: str) -> None:
        if self._deinterlaces:
            self._notes.append(f"frames are interlaced from {place} on and are made whole ones")
        elif not self._stated.interlaced:
            self._notes.append(
                f"frames are interlaced from {place} on and are encoded as if they were not: their "
                "fields stay woven together (--deinterlace on makes whole frames of them)"
            )

    def _note_change(self, shape: _Shape, place: str) -> None:
        change = f"the picture changes from {self._shape} to {shape}"
        if change not in self._told:
            self._told.add(change)
            self._notes.append(
                f"{change} at {place}: it is fitted into {self.picture.width}x{self.picture.height}"
            )

    def _note_dropped(self, attached: Mapping[SideDataType, bytes]) -> None:
        for kind in attached:
            note = _DROPPED.get(kind)
            if kind is SideDataType.A53_CC and self._rate is not None:
                note = _CAPTIONS
            if note is not None and note not in self._told:
                self._told.add(note)
                self._notes.append(note)


def _pulled(graph: Graph, time_base: Fraction) -> list[av.VideoFrame]:
    frames: list[av.VideoFrame] = []
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return frames
        frame.time_base = time_base
        frames.append(frame)


def _without(record: DolbyVision) -> str:
    note = f"Dolby Vision metadata (profile {record.profile}) is left out"
    if record.stands_alone:
        return note
    return (
        f"{note}, and without it THE COLOURS ARE WRONG: such a picture (IPT-PQ-C2) holds no other "
        "version of itself; transcode one of profile 8, or of HDR10, instead"
    )
