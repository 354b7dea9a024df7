"""Reads a finished file back: every packet, every timestamp, and a decode of every keyframe."""

from __future__ import annotations

from array import array
from fractions import Fraction
from pathlib import Path

import av

from rlcodec.errors import OutputError


def check(
    path: Path, stamps: array[int], time_base: Fraction, *, muxer: str, label: str
) -> Fraction:
    """Compare the video stream of a file with the frames that went into it.

    Args:
        path: the file.
        stamps: timestamps of the encoded frames in display order, in ticks of `time_base`.
        time_base: length of such a tick in seconds.
        muxer: FFmpeg's name of the muxer that wrote the file.
        label: the name that messages use.

    Returns:
        The one shift, in seconds, that every timestamp of the file has against `stamps`.

    Raises:
        OutputError: frames are missing, stand at another time, or cannot be decoded.
    """
    try:
        written, tick, decoded = _read(path, muxer)
    except av.error.FFmpegError as error:
        raise OutputError(
            f"{label}: what was written cannot be read back: {error.strerror}"
        ) from error
    if not decoded:
        raise OutputError(f"{label}: not one keyframe of what was written can be decoded")
    if len(written) != len(stamps):
        raise OutputError(
            f"{label}: {len(stamps)} frames were encoded and {len(written)} can be read back"
        )
    # Where ticks of the source are whole ticks of the file, nothing is ever rounded
    tolerance = Fraction(0) if (time_base / tick).denominator == 1 else tick
    shift = written[0] * tick - stamps[0] * time_base
    for was, now in zip(stamps, written, strict=True):
        if abs(now * tick - was * time_base - shift) > tolerance:
            raise OutputError(
                f"{label}: the frame of {float(was * time_base):.6f} s was written at "
                f"{float(now * tick - shift):.6f} s"
            )
    return shift


def _read(path: Path, muxer: str) -> tuple[array[int], Fraction, int]:
    """Sorted timestamps of the video packets, their time base, and how many keyframes decode."""
    # A transport stream of ten packets or so is too short for FFmpeg to tell what it is
    with av.open(f"file:{path}", "r", format=muxer) as container:
        stream = container.streams.video[0]
        # A whole decode would cost a tenth of the encode. That each packet is the encoder's own is
        # the muxer's business; that the stream can be entered anywhere is seen at its keyframes.
        decoder = stream.codec_context
        decoder.skip_frame = "NONKEY"
        # Without this a decoder covers damage up as well as it can
        decoder.options = {"err_detect": "explode"}
        stamps, decoded = array("q"), 0
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                stamps.append(packet.pts)
            if packet.size and packet.is_keyframe:
                decoded += len([*decoder.decode(packet), *decoder.decode(None)])
                # An open GOP refers to frames before its keyframe, which were not decoded
                decoder.flush_buffers()
        assert stream.time_base is not None
        return array("q", sorted(stamps)), Fraction(stream.time_base), decoded
