"""What of an input is damaged or missing, found while it is read."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from rlcodec.errors import InputError
from rlcodec.media.routes import codec_of

REMEDY = "--allow-truncated takes what can be decoded"

# Codecs of whose packets each gives one frame
_ONE_FRAME_EACH = {"av1", "ffv1", "h264", "hevc", "mjpeg", "mpeg2video", "prores", "vp9"}
# More packets than a decoder holds back: 16 for reordering, and one for each of 16 threads
_HELD_BACK = 64
# Formats that declare a duration, while that of others is measured or guessed; where the structure
# of a file has been looked at it is not needed, and may count a last frame that says no duration
_MEASURED_BY_TIME = {"flv"}
_DECLARING = {*_MEASURED_BY_TIME, "asf", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
# Declared durations are rounded, and may be longer than the last packet says
_ROUNDING_S = Fraction(1, 2)


class Integrity:
    """Watches what is read from one file, and what is decoded of it, for damage.

    Damage is an error at once, or where it is allowed is counted. A recording that begins in the
    middle, with packets that need earlier ones, is not damaged: `notices` says what they were.
    """

    def __init__(self, video: VideoStream, label: str, *, allow: bool) -> None:
        """Watch a file whose stream `video` is decoded; messages call it `label`."""
        self._video = video
        self._label = label
        self._allow = allow
        self._faults: dict[str, int] = {}
        self._first_fault: Fraction | None = None
        self._short: str | None = None
        self._frames = 0
        self._skipped = 0
        self._matched = codec_of(video) in _ONE_FRAME_EACH
        self._unmatched: dict[int, int] = {}
        self._packets = 0
        self._began_at: int | None = None
        self._end = Fraction(0)

    @property
    def notices(self) -> list[str]:
        """What the user should know of an input that was used although not all of it could be."""
        notices = []
        if self._skipped:
            notices.append(
                f"the input begins in the middle: the first {self._skipped} of its frames need "
                "earlier ones and are left out"
            )
        if self._faults:
            counts = ", ".join(f"{count} x {what}" for what, count in self._faults.items())
            notices.append(f"the input is damaged: {counts}; first{_near(self._first_fault)}")
        if self._short:
            notices.append(f"the input is truncated: {self._short}")
        return notices

    def read(self, packet: av.Packet[Stream], *, is_kept: bool) -> bool:
        """Take note of a packet of any stream, and say whether it is fit to be decoded or kept.

        Raises:
            InputError: it is damaged, or an earlier one has given no frame.
        """
        at = packet.pts if packet.pts is not None else packet.dts
        if at is not None:
            self._end = max(self._end, (at + (packet.duration or 0)) * packet.time_base)
        if packet.stream is self._video and packet.size:
            if not self._packets and packet.is_keyframe:
                self._began_at = packet.pts
            self._packets += 1
            if self._matched and packet.pts is not None and not packet.is_discard:
                self._unmatched[packet.pts] = self._packets
            self._count_lost(self._packets - _HELD_BACK)
        concerns = is_kept or packet.stream is self._video
        if not (concerns and _is_broken(packet)):
            return True
        self.fault(f"incomplete {packet.stream.type} packet", self.time_of(packet))
        return False

    def decoded(self, frame: av.VideoFrame) -> None:
        """Take note of a frame, as the decoder gave it.

        Raises:
            InputError: it is damaged.
        """
        if not self._frames:
            start = self._began_at if self._began_at is not None else frame.pts or 0
            leading = [pts for pts in self._unmatched if pts < start]
            self._skipped = len(leading)
            for pts in leading:
                del self._unmatched[pts]
        self._frames += 1
        if frame.interlaced_frame:  # each of its fields may have had a packet of its own
            self._matched = False
            self._unmatched.clear()
        if frame.pts is not None:
            self._unmatched.pop(frame.pts, None)
        if frame.is_corrupt:
            self.fault("corrupt frame", self.time_of(frame))

    def fault(self, what: str, at: Fraction | None) -> None:
        """Count a fault, at so many seconds.

        Raises:
            InputError: damage is not allowed.
        """
        if not self._frames and self._began_at is None:
            return
        if not self._faults:
            self._first_fault = at
        self._faults[what] = self._faults.get(what, 0) + 1
        if not self._allow:
            raise InputError(
                f"{self._label}: is damaged{_near(at)}: {what} after {self._frames} frames; "
                f"{REMEDY}"
            )

    def missing_end(self, reason: str) -> None:
        """Take note that the end of the file is missing; `reason` says how much is there.

        Raises:
            InputError: that is not allowed.
        """
        if not self._allow:
            raise InputError(f"{self._label}: is truncated: {reason}; {REMEDY}")
        self._short = reason

    def finish(self, container: InputContainer, *, is_piped: bool) -> None:
        """Take note that `container` has given its last packet.

        Raises:
            InputError: a packet gave no frame, or a pipe or file ends before its declared end.
        """
        self._count_lost(self._packets)
        name, duration = container.format.name, container.duration
        if not duration or name not in (_DECLARING if is_piped else _MEASURED_BY_TIME):
            return
        declared = Fraction(duration, av.time_base)
        if self._end + _ROUNDING_S < declared:
            self.missing_end(f"it ends at {float(self._end):.3f} of {float(declared):.3f} s")

    def time_of(self, item: av.Packet[Stream] | av.VideoFrame) -> Fraction | None:
        """The timestamp in seconds."""
        at = item.pts if item.pts is not None else item.dts
        return None if at is None else at * cast(Fraction, item.time_base)

    def _count_lost(self, last: int) -> None:
        """Count as lost what of the first `last` packets has not become a frame."""
        if not self._frames and self._began_at is None:
            return
        while self._unmatched:
            pts, number = next(iter(self._unmatched.items()))
            if number > last:
                return
            del self._unmatched[pts]
            self.fault("lost frame", pts * cast(Fraction, self._video.time_base))


def _is_broken(packet: av.Packet[Stream]) -> bool:
    """Whether a packet is not all there: its flag says so, or the length in an ADTS header."""
    if packet.is_corrupt:
        return True
    stream = packet.stream
    if not packet.size or stream.container.format.name != "mpegts" or codec_of(stream) != "aac":
        return False
    head = bytes(packet)[:6]  # ISO/IEC 14496-3, 1.A.2.2
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF0 != 0xF0:
        return True
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 != packet.size


def _near(at: Fraction | None) -> str:
    return "" if at is None else f" at {float(at):.3f} s"
