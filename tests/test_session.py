from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.analysis.state import State
from rlcodec.engine import director as director_module
from rlcodec.engine.director import PolicyDirector, lookahead
from rlcodec.engine.session import Session, Step
from rlcodec.engine.setup import options_for
from rlcodec.events import SegmentDecided, SegmentEncoded
from rlcodec.media.capability import EXACT
from rlcodec.media.encoder import AdaptiveEncoder, configure
from rlcodec.media.picture import Colour, Picture
from rlcodec.policy.interface import Action, Policy
from rlcodec.policy.rule import Rule
from rlcodec.settings import Settings
from tests.clips import as_frames, moving, shots

PICTURE = Picture(256, 144, "yuv420p", Fraction(1), Colour(), Fraction(1, 25), Fraction(25))
FAST = Settings(preset="veryfast")


class Restless:
    """A policy that wants more than it may have."""

    name = "restless"

    def decide(self, state: State) -> Action:
        return Action(40.0 if state["previous_offset"] <= 0 else -40.0)


def new_session(policy: Policy | None = None, chosen: Settings = FAST) -> Session:
    context = CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, PICTURE, options_for(chosen))
    encoder = AdaptiveEncoder(context, PICTURE, EXACT)
    return Session(encoder, PICTURE, PolicyDirector(PICTURE, policy or Rule(), chosen))


def run(session: Session, lengths: list[int]) -> list[Step]:
    steps = [session.push(frame) for frame in as_frames(shots(lengths))]
    return [*steps, session.finish()]


def decided(steps: list[Step]) -> list[SegmentDecided]:
    return [e for step in steps for e in step.events if isinstance(e, SegmentDecided)]


def encoded(steps: list[Step]) -> list[SegmentEncoded]:
    return [e for step in steps for e in step.events if isinstance(e, SegmentEncoded)]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_segments_cover_every_frame_once(lengths: list[int]) -> None:
    steps = run(new_session(), lengths)
    segments = decided(steps)
    assert segments[0].start_frame == 0
    ends = [segment.start_frame + segment.frames for segment in segments]
    assert [segment.start_frame for segment in segments[1:]] == ends[:-1]
    assert ends[-1] == sum(lengths) == sum(len(step.packets) for step in steps)
    done = sorted(encoded(steps), key=lambda segment: segment.start_frame)
    assert [(s.start_frame, s.frames, s.crf) for s in done] == [
        (s.start_frame, s.frames, s.crf) for s in segments
    ]
    sizes = [packet.size for step in steps for packet in step.packets]
    assert sum(segment.bytes for segment in done) == sum(sizes)


def test_segments_begin_at_the_cuts() -> None:
    segments = decided(run(new_session(), [40, 30, 50]))
    assert [(s.start_frame, s.frames, s.new_shot) for s in segments] == [
        (0, 40, True),
        (40, 30, True),
        (70, 50, True),
    ]


def test_a_long_shot_is_cut_where_the_lookahead_ends() -> None:
    segments = decided(run(new_session(), [230]))
    assert len(segments) > 2
    assert all(segment.frames <= director_module.LOOKAHEAD_FRAMES for segment in segments)
    assert [segment.new_shot for segment in segments] == [True] + [False] * (len(segments) - 1)


def test_no_more_than_the_lookahead_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(director_module, "LOOKAHEAD_FRAMES", 20)
    session = new_session()
    for number, frame in enumerate(as_frames(moving(90)), start=1):
        session.push(frame)
        director = session._director
        assert isinstance(director, PolicyDirector)
        assert len(director._window) == min(number, 20)
        assert len(director._segmenter._rows) <= 21


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_a_lookahead_of_a_few_frames_still_works(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(director_module, "LOOKAHEAD_FRAMES", frames)
    steps = run(new_session(), [12, 9])
    assert sum(segment.frames for segment in decided(steps)) == 21
    assert sum(len(step.packets) for step in steps) == 21


def test_the_lookahead_keeps_within_its_memory() -> None:
    small = replace(PICTURE, width=1280, height=720)
    large = replace(PICTURE, width=3840, height=2160)
    huge = replace(PICTURE, width=7680, height=4320, pix_fmt="yuv420p10le")
    assert lookahead(small) == 96
    assert lookahead(large) == 256 * 2**20 // (3840 * 2160 * 3 // 2)
    assert lookahead(huge) == 2


def test_a_live_source_gets_packets_while_it_runs() -> None:
    session = new_session()
    frames = as_frames(moving(260))
    given = [len(session.push(frame).packets) for frame in frames]
    latency = next(number for number, count in enumerate(given) if count)
    assert latency < 96 + 60
    assert sum(given[latency:]) >= len(given) - latency - 60


def test_no_policy_gets_more_than_it_may() -> None:
    chosen = replace(FAST, max_offset=3.0, crf=49.0)
    segments = decided(run(new_session(Restless(), chosen), [20, 20, 20]))
    assert [segment.crf for segment in segments] == [51.0, 46.0, 51.0]


def test_the_same_frames_get_the_same_decisions() -> None:
    first, second = (run(new_session(), [30, 25, 110]) for _ in range(2))
    assert decided(first) == decided(second)
