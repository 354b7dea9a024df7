"""A finished encode beside what the encoder was given: the same frames, once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import av

from rlcodec.errors import InputError
from rlcodec.media.filters import PictureFilter
from rlcodec.media.routes import codec_of
from rlcodec.media.source import Source
from rlcodec.media.views import view_of_encode
from rlcodec.settings import Settings


class EncodedPairs:
    """Pairs of frames: what an encoder was given of a source, and what decodes from its output.

    Unlike `FramePairs`, this follows changes of size, rate and fields: the source goes through the
    filters that it went through on its way to the encoder.

    Attributes:
        picture: what the frames of both look like.
        streams: the other streams that the output holds, a few words for each.
    """

    def __init__(self, source: str, output: str, settings: Settings) -> None:
        """Open both files, as `settings` wanted the source to be read.

        Raises:
            InputError: a file cannot be used.
        """
        with ExitStack() as stack:
            self._source = stack.enter_context(
                Source(
                    source,
                    max_pixels=settings.max_pixels,
                    audio=False,
                    subtitles=False,
                    allow_truncated=settings.allow_truncated,
                )
            )
            self._filter = PictureFilter(self._source, settings)
            given = self._filter.picture
            largest = max(settings.max_pixels, given.width * given.height)
            self._output = stack.enter_context(
                Source(output, max_pixels=largest, audio=True, subtitles=True)
            )
            self._views, self.picture = view_of_encode(given, self._output)
            self.streams = [
                f"{each.type} ({codec_of(each)}{_language(each.metadata)})"
                for each in self._output.others
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
            InputError: the output decodes to another number of frames: one of the files was
                changed meanwhile, or is damaged.
        """
        made = (each for each in self._output if isinstance(each, av.VideoFrame))
        given_view, made_view = self._views
        for given in self._given():
            frame = next(made, None)
            if frame is None:
                raise self._unlike()
            yield given_view.show(given), made_view.show(frame)
        if next(made, None) is not None:
            raise self._unlike()

    def _given(self) -> Iterator[av.VideoFrame]:
        """The frames that the encoder was given."""
        for item in self._source:
            if isinstance(item, av.VideoFrame):
                yield from self._filter.push(item)
        yield from self._filter.flush()

    def _unlike(self) -> InputError:
        return InputError(
            f"{self._output.label}: holds other frames than were made of {self._source.label}: one "
            "of them was changed meanwhile, or is damaged"
        )


def _language(metadata: dict[str, str]) -> str:
    language = metadata.get("language", "und")
    return "" if language == "und" else f", {language}"
