"""The plugin: the adaptive encoder as one more stream in a PyAV loop of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Unpack

from rlcodec.engine.session import Session, Step
from rlcodec.engine.setup import Steering, capability_for, options_for, steering_for
from rlcodec.errors import InputError, SettingsError
from rlcodec.events import Event
from rlcodec.media.clock import FrameClock, StepBackError, rescale
from rlcodec.media.encoder import AdaptiveEncoder, pixel_formats
from rlcodec.media.hdr import hdr_of, with_hdr
from rlcodec.media.output import add_encoded_stream
from rlcodec.media.picture import Picture, picture_of
from rlcodec.media.types import OutputContainer, VideoFrame, VideoPacket, VideoStream
from rlcodec.settings import Choices, Settings


class AdaptiveStream:
    """A video stream of an output container that picks the CRF of every shot by itself.

    Attributes:
        stream: the stream.
        policy, digest: the policy that decides, and the SHA-256 of its file, as in a `Result`.
    """

    def __init__(
        self,
        stream: VideoStream,
        session: Session,
        picture: Picture,
        steering: Steering,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        """Made by `add_adaptive_stream`."""
        self.stream = stream
        self.policy, self.digest = steering.name, steering.digest
        self._session = session
        self._picture = picture
        self._on_event = on_event
        self._clock = FrameClock(picture.time_base, picture.rate)

    def encode(self, frame: VideoFrame | None) -> list[VideoPacket]:
        """Packets that are ready to be muxed after `frame`; None ends the stream.

        Raises:
            SettingsError: the frame has another size than the stream.
            InputError: its timestamp lies more than a second before the last one.
            EncodeError: the encoder failed.
        """
        step = self._session.finish() if frame is None else self._session.push(self._fit(frame))
        return self._report(step)

    def _report(self, step: Step) -> list[VideoPacket]:
        if self._on_event is not None:
            for event in step.events:
                self._on_event(event)
        return step.packets

    def _fit(self, frame: VideoFrame) -> VideoFrame:
        picture = self._picture
        if (frame.width, frame.height) != (picture.width, picture.height):
            raise SettingsError(
                f"a frame of {frame.width}x{frame.height} was pushed into a stream of "
                f"{picture.width}x{picture.height}; scale it first"
            )
        context = self.stream.codec_context
        if self._clock.seconds is None and not context.is_open:
            # Nothing but frames tells of it, and nobody but the encoder when it opens takes it
            context.options = with_hdr(context.name, context.options, hdr_of(frame))
        time_base = Fraction(frame.time_base or picture.time_base)
        pts, duration = frame.pts, frame.duration
        if time_base != picture.time_base:
            pts = None if pts is None else rescale(pts, time_base, picture.time_base)
            duration = rescale(duration or 0, time_base, picture.time_base)
        if frame.format.name != picture.pix_fmt:
            frame = frame.reformat(format=picture.pix_fmt)
        frame.time_base = picture.time_base
        try:
            frame.pts, frame.duration = self._clock.stamp(pts, duration)
        except StepBackError as error:
            raise InputError(f"the frames pushed: {error}; end the stream there") from error
        return frame


def add_adaptive_stream(
    container: OutputContainer,
    *,
    template: VideoStream,
    on_event: Callable[[Event], None] | None = None,
    settings: Settings | None = None,
    **choices: Unpack[Choices],
) -> AdaptiveStream:
    """Add a video stream whose CRF follows the shots to a container of the user's own.

    Packets come out later than frames go in, by up to 96 frames (or 256 MB of them) and the
    encoder's own delay: mux other streams' packets as they come, the muxer puts them in order.
    Frames are encoded as they are pushed: to turn them upright, and to make whole frames of
    interlaced ones, is the loop's own business. HDR10 metadata of the first frame is kept.

    Args:
        container: opened for writing, nothing muxed yet.
        template: the stream that the frames come from: size, time base, rate and colours are its.
        on_event: called with every decision and every finished segment, and at once with a
            `Notice` where the default policy does not fit; `AdaptiveStream.policy` names what
            decides.
        settings: how to encode; the defaults of `Settings` where None.
        choices: single fields of `Settings`, on top of `settings`. `scale`, `fps`, `deinterlace`,
            `audio` and `subtitles` are the loop's own business and have no effect here.

    Raises:
        SettingsError: a setting makes no sense, or the encoder does not take the pixel format.
        OffsetError: the encoder ignores CRF offsets with these settings.
        PolicyError: the policy's file is none, or does not fit.
    """
    chosen = replace(settings or Settings(), **choices)
    picture = picture_of(template)
    formats = pixel_formats(chosen.codec)
    wanted = chosen.pix_fmt or picture.pix_fmt
    if wanted not in formats:
        raise SettingsError(
            f"{chosen.codec} does not take {wanted} pictures: set pix_fmt to one of "
            f"{', '.join(formats)}"
        )
    picture = replace(picture, pix_fmt=wanted, interlaced=False)
    capability = capability_for(chosen, picture.pix_fmt)
    steering = steering_for(chosen, picture)
    if on_event is not None:
        for notice in steering.notices:
            on_event(notice)
    stream = add_encoded_stream(container, chosen.codec, picture, options_for(chosen))
    session = Session(AdaptiveEncoder(stream, picture, capability), picture, steering.director)
    return AdaptiveStream(stream, session, picture, steering, on_event)
