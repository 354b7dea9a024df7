"""Two files side by side: their frames in pairs that show the same moments."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Self

import av

from rlcodec.errors import InputError
from rlcodec.media.source import Source
from rlcodec.media.timeline import Timeline, check_match, timeline_of
from rlcodec.media.views import views_of_both


class FramePairs:
    """Pairs of frames of two files that show the same moments, the reference's first.

    Attributes:
        picture: what the frames of both look like.
        reference, distorted: when they are shown.
        shift: seconds by which the distorted file begins later.
        notes: what had to be done to make them alike.
    """

    def __init__(self, reference: str, distorted: str, *, max_pixels: int) -> None:
        """Open both files, and see that they match before a picture is compared.

        Raises:
            InputError: a file cannot be used, or their sizes, lengths or times differ.
        """
        with ExitStack() as stack:
            self._sources = [
                stack.enter_context(
                    Source(path, max_pixels=max_pixels, audio=False, subtitles=False)
                )
                for path in (reference, distorted)
            ]
            self._views, self.picture, self.notes = views_of_both(*self._sources)
            self.reference, self.distorted = (
                timeline_of(source, path)
                for source, path in zip(self._sources, (reference, distorted), strict=True)
            )
            check_match(self.reference, self.distorted)
            self.shift = _start(self._sources[1]) - _start(self._sources[0])
            self.notes += [
                f"{each.label} does not say when its frames are shown: they are taken in order"
                for each in (self.reference, self.distorted)
                if each.stamps is None
            ]
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[tuple[av.VideoFrame, av.VideoFrame]]:
        """The pairs, in display order.

        Raises:
            InputError: a file decodes to other frames than its packets announced.
        """
        lines = (self.reference, self.distorted)
        goods, bads = (
            _ahead(_decode(source, line)) for source, line in zip(self._sources, lines, strict=True)
        )
        # Their threads are to end before the files are closed, whatever ends the loop
        self._stack.callback(goods.close)
        self._stack.callback(bads.close)
        good_view, bad_view = self._views
        for good, bad in zip(goods, bads, strict=True):
            yield good_view.show(good), bad_view.show(bad)


def _decode(source: Source, timeline: Timeline) -> Iterator[av.VideoFrame]:
    """The frames of a source, each held against its packets."""
    place = 0
    for frame in source:
        if not isinstance(frame, av.VideoFrame):
            continue
        assert frame.pts is not None
        if not timeline.holds(place, frame.pts):
            raise InputError(
                f"{source.label}: the frame decoded at {float(frame.pts * source.time_base):.6f} s "
                "is not the one that its packets announce there: the file is damaged"
            )
        yield frame
        place += 1
    if place < timeline.frames:
        raise InputError(
            f"{source.label}: only {place} of its {timeline.frames} frames can be decoded"
        )


def _ahead(frames: Iterator[av.VideoFrame]) -> Generator[av.VideoFrame]:
    """The same frames, the next of which is decoded while one is looked at."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = thread.submit(next, frames, None)
            yield frame


def _start(source: Source) -> Fraction:
    assert source.first_frame.pts is not None
    return source.first_frame.pts * source.time_base
