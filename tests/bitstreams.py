"""What no encoder of PyAV's writes, put into streams and files byte by byte."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import av
from av.video.stream import VideoStream

from tests import clips

START = b"\0\0\0\1"
SEI_REGISTERED = 4
"""user_data_registered_itu_t_t35, where captions and HDR10+ are."""
DOLBY_VISION_NAL = START + bytes([62 << 1, 1]) + bytes([25, 0xFC, 9, 1, 2, 3, 4, 5, 0x80])
"""An RPU as far as decoders look: its prefix, a type that nobody knows, an end."""


def captions(number: int) -> bytes:
    """Two triplets of CEA-608 captions, different for every number."""
    return bytes([0xFC, 0x80 | number & 0x7F, 0x80 | number >> 7, 0xFD, 0x20, number & 0x7F])


def caption_message(codec: str, triplets: bytes) -> bytes:
    """These triplets as ATSC A/53 part 4 has them in a stream of `codec`."""
    count = len(triplets) // 3
    message = b"GA94\x03" + bytes([0xC0 | count, 0xFF]) + triplets + b"\xff"
    # Where a message can come from anyone, it says that it is ATSC's
    return sei(codec, message if codec == "mpeg2video" else b"\xb5\x00\x31" + message)


def hdr10_plus() -> bytes:
    """An HDR10+ message (SMPTE ST 2094-40, application 4): one window, no curve."""
    fields = [(1, 2), (400, 27), (0, 1), (1000, 17), (1000, 17), (1000, 17), (500, 17), (1, 4)]
    fields += [(50, 7), (600, 17), (0, 10), (0, 1), (0, 1), (0, 1)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    bits += "0" * (-len(bits) % 8)
    return b"\xb5\x00\x3c\x00\x01\x04\x01" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def sei(codec: str, payload: bytes, kind: int = SEI_REGISTERED) -> bytes:
    """A NAL unit with one SEI message, or its like in MPEG-2: user data."""
    if codec == "mpeg2video":
        return b"\0\0\1\xb2" + payload
    header = b"\x06" if codec == "libx264" else bytes([39 << 1, 1])
    size = b"\xff" * (len(payload) // 255) + bytes([len(payload) % 255])
    body = bytes([kind]) + size + payload + b"\x80"
    # Three bytes 0 and up to 3 would be a start code
    return START + header + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", body)


def write_units(
    path: Path,
    codec: str,
    pictures: Sequence[clips.Picture],
    *,
    before: Callable[[int], bytes] = lambda _: b"",
    after: Callable[[int], bytes] = lambda _: b"",
    pix_fmt: str = "yuv420p",
) -> Path:
    """Write a clip with NAL units of the test's own around the slices of every frame."""
    height, width = pictures[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=clips.RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = 1 / clips.RATE
        stream.codec_context.thread_count = 1
        quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        fast = {"crf": "12", "preset": "veryfast"} if codec.startswith("libx26") else {"bf": "2"}
        stream.codec_context.options = {**fast, **quiet}
        for frame in [*clips.as_frames(pictures, pix_fmt=pix_fmt), None]:
            for packet in stream.encode(frame):
                number = round((packet.pts or 0) * packet.time_base * clips.RATE)
                headers, slices = _split(codec, bytes(packet))
                unit = av.Packet(headers + before(number) + slices + after(number))
                unit.pts, unit.dts, unit.duration = packet.pts, packet.dts, packet.duration
                unit.time_base, unit.is_keyframe = packet.time_base, packet.is_keyframe
                unit.stream = stream
                container.mux(unit)
    return path


def _split(codec: str, unit: bytes) -> tuple[bytes, bytes]:
    """An access unit cut in front of its first slice."""
    if codec == "mpeg2video":
        start = unit.index(b"\0\0\1\1")
        return unit[:start], unit[start:]
    nals = [START + nal for nal in re.split(rb"\x00?\x00\x00\x01", unit) if nal]
    for number, nal in enumerate(nals):
        kind = nal[4] & 31 if codec == "libx264" else nal[4] >> 1 & 63
        if kind in (1, 5) if codec == "libx264" else kind < 32:
            return b"".join(nals[:number]), b"".join(nals[number:])
    raise AssertionError("no slice")


def add_box(path: Path, entry: bytes, name: bytes, content: bytes) -> Path:
    """Put a box into the sample entry of an MP4 file whose index stands at its end."""
    data = bytearray(path.read_bytes())
    box = struct.pack(">I4s", 8 + len(content), name) + content
    start = data.index(entry, data.index(b"stsd")) - 4
    end = start + struct.unpack_from(">I", data, start)[0]
    for holder in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        at = data.rindex(holder, 0, start + 8) - 4
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(box))
    data[end:end] = box
    path.write_bytes(data)
    return path


def clean_aperture(width: int, height: int, cut: tuple[int, int, int, int]) -> bytes:
    """The content of a clap box that cuts so much off left, right, top and bottom."""
    left, right, top, bottom = cut
    sides = (width - left - right, 1, height - top - bottom, 1)
    return struct.pack(">8i", *sides, left - right, 2, top - bottom, 2)


def dolby_vision(profile: int, compatibility: int) -> bytes:
    """The content of a dvcC box: level 6, with RPU and base layer."""
    return struct.pack(">BBHB19x", 1, 0, profile << 9 | 6 << 3 | 0b101, compatibility << 4)
