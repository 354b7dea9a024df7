"""Exact time: timestamps are integers in a time base, time bases are fractions of a second."""

from __future__ import annotations

from fractions import Fraction

# A stamp that goes back further than this is a splice, which cannot be mended frame by frame.
LARGEST_STEP_BACK = Fraction(1)


class StepBackError(ValueError):
    """Timestamps go back by more than `LARGEST_STEP_BACK`; `seconds` says where."""

    def __init__(self, seconds: Fraction) -> None:
        super().__init__(f"timestamps go back at {float(seconds):.3f} s")
        self.seconds = seconds


def rescale(timestamp: int, source: Fraction, target: Fraction) -> int:
    """The tick of `target` nearest to `timestamp` in `source`; halves go up."""
    # av's own rationals, which PyAV 19 has, are rounded when one is divided by another
    ticks = timestamp * Fraction(source) / Fraction(target)
    return (2 * ticks.numerator + ticks.denominator) // (2 * ticks.denominator)


def to_ticks(seconds: Fraction, time_base: Fraction) -> int:
    """The tick of `time_base` nearest to `seconds`; halves go up."""
    return rescale(1, seconds, time_base)


class FrameClock:
    """Strictly increasing timestamps for the frames of one stream, in display order.

    A stream's own timestamps pass unchanged. Where more of them than of the decoding timestamps do
    not increase, the latter are taken, as FFmpeg does (`guess_correct_pts`, libavcodec/decode.c).
    What then is missing continues from the frame before, and what does not increase moves to the
    next tick; `mended` counts the frames whose own timestamp, if it is no guess, was
    not taken.
    """

    def __init__(
        self, time_base: Fraction, rate: Fraction, *, presentation_is_guessed: bool = False
    ) -> None:
        """`rate` is the nominal frame rate, for frames that say no duration.

        With `presentation_is_guessed`, decoding timestamps are taken from the first frame on.
        """
        self.time_base = time_base
        self.mended = 0
        self._nominal = max(1, to_ticks(1 / rate, time_base))
        self._last: int | None = None
        self._last_duration = self._nominal
        self._pts, self._dts = _Series(), _Series()
        self._lag: int | None = None
        self._is_guessed = presentation_is_guessed

    @property
    def seconds(self) -> Fraction | None:
        """Where the last stamped frame stands, None before the first."""
        return None if self._last is None else self._last * self.time_base

    def stamp(
        self, pts: int | None, duration: int | None, dts: int | None = None
    ) -> tuple[int, int]:
        """The timestamp and duration, in ticks, of the next frame.

        `dts` is when its packet was to be decoded, where that is known.

        Raises:
            StepBackError: the stream jumps back in time.
        """
        self._pts.take(pts)
        self._dts.take(dts)
        if self._lag is None and pts is not None and dts is not None:
            # A decoder that reorders gives the first frame when it gets a later packet
            self._lag = max(0, dts - pts)
        told = pts
        is_doubtful = self._is_guessed or self._pts.faults > self._dts.faults
        if dts is not None and (pts is None or is_doubtful):
            told = dts - (self._lag or 0)
        if self._last is None:
            stamped = told or 0
        elif told is None:
            stamped = self._last + self._last_duration
        elif told > self._last:
            stamped = told
        else:
            if (self._last - told) * self.time_base > LARGEST_STEP_BACK:
                raise StepBackError(self._last * self.time_base)
            stamped = self._last + 1
        self.mended += stamped != pts and not self._is_guessed
        if not duration or duration < 0:
            duration = self._nominal
        self._last, self._last_duration = stamped, duration
        return stamped, duration


class _Series:
    """Timestamps of one kind, and how many of them did not increase."""

    def __init__(self) -> None:
        self.faults = 0
        self._last: int | None = None

    def take(self, stamp: int | None) -> None:
        if stamp is None:
            return
        self.faults += self._last is not None and stamp <= self._last
        self._last = stamp
