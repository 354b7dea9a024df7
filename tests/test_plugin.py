"""The plugin: the adaptive encoder in a PyAV loop of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

import rlcodec
from rlcodec.settings import Choices
from tests import clips

Packets = list[tuple[int | None, int | None, int | None, bytes]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three shots, longer together than the lookahead."""
    return clips.write(tmp_path / "in.mkv", clips.shots([50, 30, 45]))


def packets(path: Path) -> Packets:
    with av.open(str(path)) as container:
        return [
            (packet.pts, packet.dts, packet.duration, bytes(packet))
            for packet in container.demux(video=0)
            if packet.size
        ]


def loop(
    source: Path,
    target: Path,
    *,
    change: Callable[[av.VideoFrame], av.VideoFrame] = lambda frame: frame,
    on_event: Callable[[rlcodec.Event], None] | None = None,
    **choices: object,
) -> None:
    """PyAV's own loop with the plugin in the place of the encoder."""
    chosen = rlcodec.Settings(**choices)  # type: ignore[arg-type] # as the tests name them
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video = reader.streams.video[0]
        stream = rlcodec.add_adaptive_stream(
            writer, template=video, settings=chosen, on_event=on_event
        )
        for frame in reader.decode(video):
            writer.mux(stream.encode(change(frame)))
        writer.mux(stream.encode(None))


@pytest.mark.parametrize(
    "choices",
    [
        {"crf": 26.0},
        {"crf": 22.0, "policy": "fixed"},
        {"crf": 26.0, "max_offset": 3.0, "preset": "superfast"},
        {"crf": 26.0, "codec": "libx265", "preset": "veryfast"},
        {"crf": 26.0, "pix_fmt": "yuv420p10le"},
    ],
)
def test_packets_are_those_of_transcode(tmp_path: Path, source: Path, choices: Choices) -> None:
    rlcodec.transcode(source, tmp_path / "done.mkv", **choices)
    loop(source, tmp_path / "looped.mkv", **choices)
    looped = packets(tmp_path / "looped.mkv")
    assert len(looped) == 125
    assert looped == packets(tmp_path / "done.mkv")


def test_events_arrive_and_agree(tmp_path: Path, source: Path) -> None:
    events: list[rlcodec.Event] = []
    loop(source, tmp_path / "out.mkv", on_event=events.append, crf=26.0)
    decided = [event for event in events if isinstance(event, rlcodec.SegmentDecided)]
    encoded = [event for event in events if isinstance(event, rlcodec.SegmentEncoded)]
    assert len(decided) + len(encoded) == len(events)
    assert [event.start_frame for event in decided if event.new_shot] == [0, 50, 80]
    assert sum(event.frames for event in decided) == 125
    assert any(event.offset for event in decided)
    ends = {event.index: event for event in encoded}
    for event in decided:
        end = ends.pop(event.index)
        assert events.index(end) > events.index(event)
        assert (end.start_frame, end.frames, end.crf) == (
            event.start_frame,
            event.frames,
            26 + event.offset,
        )
    assert not ends
    result = rlcodec.transcode(source, tmp_path / "done.mkv", crf=26.0)
    assert result.segments == tuple(encoded)
    assert result.video_bytes == sum(event.bytes for event in encoded)


def test_a_frame_of_another_size_is_refused(tmp_path: Path, source: Path) -> None:
    def smaller(frame: av.VideoFrame) -> av.VideoFrame:
        return frame.reformat(width=128, height=72)

    with pytest.raises(rlcodec.SettingsError, match=r"128x72 .* 256x144; scale it first"):
        loop(source, tmp_path / "out.mkv", change=smaller)


def test_frames_without_timestamps_follow_each_other(tmp_path: Path, source: Path) -> None:
    def unstamped(frame: av.VideoFrame) -> av.VideoFrame:
        frame.pts = None
        return frame

    loop(source, tmp_path / "out.mkv", change=unstamped)
    assert clips.video_stamps(tmp_path / "out.mkv") == [
        Fraction(number, 25) for number in range(125)
    ]


def test_frames_in_another_time_base_and_format_are_converted(tmp_path: Path, source: Path) -> None:
    def other(frame: av.VideoFrame) -> av.VideoFrame:
        assert frame.pts is not None
        assert frame.time_base is not None
        ticks = frame.pts * frame.time_base * 90000
        frame = frame.reformat(format="yuv444p")
        frame.pts, frame.time_base = int(ticks), Fraction(1, 90000)
        return frame

    loop(source, tmp_path / "out.mkv", change=other)
    assert clips.video_stamps(tmp_path / "out.mkv") == clips.video_stamps(source)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"pix_fmt": "rgb24"}, rlcodec.SettingsError, "does not take rgb24"),
        ({"preset": "ultrafast"}, rlcodec.OffsetError, "preset ultrafast cannot change CRF"),
        ({"encoder_options": {"no-such": "1"}}, rlcodec.SettingsError, "no-such"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    tmp_path: Path, source: Path, choices: Choices, error: type[Exception], message: str
) -> None:
    with (
        av.open(str(source)) as reader,
        av.open(str(tmp_path / "out.mkv"), "w") as writer,
        pytest.raises(error, match=message),
    ):
        rlcodec.add_adaptive_stream(writer, template=reader.streams.video[0], **choices)
