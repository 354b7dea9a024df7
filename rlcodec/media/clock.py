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
    ticks = timestamp * source / target
    return (2 * ticks.numerator + ticks.denominator) // (2 * ticks.denominator)


def to_ticks(seconds: Fraction, time_base: Fraction) -> int:
    """The tick of `time_base` nearest to `seconds`; halves go up."""
    return rescale(1, seconds, time_base)


class FrameClock:
    """Strictly increasing timestamps for the frames of one stream, in display order.

    A stream's own timestamps pass unchanged. A missing one continues from the frame before, and one
    that does not increase moves to the next tick; `mended` counts both.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        """`rate` is the nominal frame rate, for frames that say no duration."""
        self.time_base = time_base
        self.mended = 0
        self._nominal = max(1, to_ticks(1 / rate, time_base))
        self._last: int | None = None
        self._last_duration = self._nominal

    @property
    def seconds(self) -> Fraction | None:
        """Where the last stamped frame stands, None before the first."""
        return None if self._last is None else self._last * self.time_base

    def stamp(self, pts: int | None, duration: int | None) -> tuple[int, int]:
        """The timestamp and duration, in ticks, of the next frame.

        Raises:
            StepBackError: the stream jumps back in time.
        """
        if self._last is None:
            stamped = 0 if pts is None else pts
            self.mended += pts is None
        elif pts is None:
            stamped = self._last + self._last_duration
            self.mended += 1
        elif pts > self._last:
            stamped = pts
        else:
            if (self._last - pts) * self.time_base > LARGEST_STEP_BACK:
                raise StepBackError(self._last * self.time_base)
            stamped = self._last + 1
            self.mended += 1
        if not duration or duration < 0:
            duration = self._nominal
        self._last, self._last_duration = stamped, duration
        return stamped, duration
