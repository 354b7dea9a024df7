"""A real run, and its clip replayed through the environment: the same states."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from rlcodec.analysis import state
from rlcodec.corpus.table import Clip
from rlcodec.engine.analyst import Analyst
from rlcodec.engine.director import PolicyDirector
from rlcodec.engine.session import Session
from rlcodec.engine.setup import options_for
from rlcodec.events import SegmentDecided, SegmentEncoded
from rlcodec.learn.curves import Curves
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episode, Episodes
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.playback import replay
from rlcodec.learn.stakes import OFFSETS, Library
from rlcodec.media.capability import EXACT
from rlcodec.media.encoder import AdaptiveEncoder, configure, read_stats
from rlcodec.media.picture import Colour, Picture
from rlcodec.media.probe import psnr as psnr_of
from rlcodec.policy.interface import Action
from rlcodec.policy.rule import Rule
from rlcodec.settings import Settings
from tests.clips import as_frames, filmed
from tests.encodes import encode

WIDTH, HEIGHT, CRF = 256, 144, 28.0
PICTURE = Picture(WIDTH, HEIGHT, "yuv420p", Fraction(1), Colour(), Fraction(1, 25), Fraction(25))
SETTINGS = Settings(preset="veryfast", crf=CRF, scope="library")
LENGTHS = {"astronaut": 45, "coffee": 150, "camera": 30, "rocket": 20, "chelsea": 60, "coins": 40}
PICTURES = [
    frame
    for name, count in LENGTHS.items()
    for frame in filmed(name, count, width=WIDTH, height=HEIGHT)
]


@dataclass
class Logged:
    """A policy that goes up and down, and keeps the states that it saw."""

    name: str = "logged"
    states: list[NDArray[np.float32]] = field(default_factory=list)

    def decide(self, state: state.State) -> Action:
        self.states.append(state.values)
        return Action((3.0, -5.0, 0.0, 7.0, -2.0, 1.0)[len(self.states) % 6])


@dataclass
class Run:
    """What a real run left: states, decisions, and what the encoder made of them."""

    states: NDArray[np.float32]
    decided: list[SegmentDecided]
    encoded: dict[int, SegmentEncoded]


def new_run(policy: Logged | Rule) -> Run:
    context = CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, PICTURE, options_for(SETTINGS))
    context.thread_count = 1
    director = PolicyDirector(PICTURE, policy, SETTINGS)
    session = Session(AdaptiveEncoder(context, PICTURE, EXACT), PICTURE, director)
    steps = [session.push(frame) for frame in as_frames(PICTURES)]
    events = [event for step in [*steps, session.finish()] for event in step.events]
    states = np.array(policy.states) if isinstance(policy, Logged) else np.empty(0, np.float32)
    return Run(
        states,
        [event for event in events if isinstance(event, SegmentDecided)],
        {event.index: event for event in events if isinstance(event, SegmentEncoded)},
    )


def delay_of() -> int:
    """Frames that go in before the first packet comes out."""
    context = CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, PICTURE, options_for(SETTINGS))
    context.thread_count = 1
    return next(number for number, frame in enumerate(as_frames(PICTURES)) if context.encode(frame))


def new_clip() -> Clip:
    """The same pictures, measured alone, and encoded at a few CRFs."""
    analyst = Analyst(PICTURE)
    analysed = [analyst.push(frame) for frame in as_frames(PICTURES)]
    cuts = [verdict for each in analysed for verdict in each.verdicts] + analyst.finish()
    cuts[0] = True
    crfs = (20.0, 24.0, 28.0, 32.0, 36.0)
    size, reported = np.zeros((2, len(crfs), len(PICTURES)))
    for place, crf in enumerate(crfs):
        for packet in encode("libx264", PICTURES, crf=crf, preset="veryfast").packets:
            assert packet.pts is not None
            size[place, packet.pts] = packet.size
            error = read_stats(packet)[1]
            reported[place, packet.pts] = psnr_of(error or 0, WIDTH * HEIGHT)
    return Clip(
        name="filmed",
        group="filmed",
        digest="0" * 64,
        width=WIDTH,
        height=HEIGHT,
        rate=Fraction(25),
        measured=np.stack([each.row for each in analysed]),
        cuts=np.array(cuts),
        crfs=np.array(crfs, np.float32),
        bytes=size.astype(np.uint32),
        psnr=reported.astype(np.float32),
        ssim=np.full(size.shape, 0.9, np.float32),
        reported_psnr=reported.astype(np.float32),
        delay=delay_of(),
    )


class Told(Curves):
    """Curves whose reports are those of a run."""

    def __init__(self, curves: Curves, encoded: dict[int, SegmentEncoded]) -> None:
        self.__dict__.update(curves.__dict__)
        self._encoded = encoded

    def one(self, segment: int, crf: float) -> tuple[int, float]:
        event = self._encoded[segment]
        assert event.crf == crf
        return event.bytes, math.nan if event.psnr is None else event.psnr


@pytest.fixture(scope="module")
def episodes() -> Episodes:
    return Episodes([new_clip()])


@pytest.fixture(scope="module")
def run() -> Run:
    return new_run(Logged())


def states_in_environment(episodes: Episodes, episode: Episode, run: Run) -> NDArray[np.float32]:
    objective = OBJECTIVES["psnr"]
    env = RateEnv(episodes, objective, Library([episodes.title(0)], objective))
    seen = [env.reset(options={"episode": episode, "crf": CRF, "scope": "library"})[0]]
    seen += [env.step(OFFSETS.index(each.offset))[0] for each in run.decided]
    return np.array(seen[:-1])


def test_a_run_and_its_replay_see_the_same_states(episodes: Episodes, run: Run) -> None:
    episode = episodes.title(0)
    assert [(each.start_frame, len(each.frames), each.new_shot) for each in episode.segments] == [
        (each.start_frame, each.frames, each.new_shot) for each in run.decided
    ]
    told = replace(episode, curves=Told(episode.curves, run.encoded))
    seen = states_in_environment(episodes, told, run)
    names = [each.name for each in state.INPUTS]
    assert len(seen) > 6
    assert seen[-1][names.index("reports")] > 1
    np.testing.assert_allclose(seen, run.states, rtol=1e-6, atol=1e-6)


def test_the_table_tells_about_what_the_encoder_would_have(episodes: Episodes, run: Run) -> None:
    seen = states_in_environment(episodes, episodes.title(0), run)
    tolerances = {
        # An encoder whose CRF moves by up to 9 gives some percent more or less than one that stays,
        # the more so where it moves inside a shot
        "reports_bits_error": 0.25,
        "reports_psnr_error": 0.5,
    }
    for place, each in enumerate(state.INPUTS):
        tolerance = tolerances.get(each.name, 1e-5)
        np.testing.assert_allclose(
            seen[:, place], run.states[:, place], atol=tolerance, err_msg=each.name
        )


def test_a_policy_decides_in_the_replay_as_in_the_run(episodes: Episodes) -> None:
    run = new_run(Rule())
    offsets = replay(Rule(), episodes.title(0), CRF, "library")
    assert offsets.tolist() == [each.offset for each in run.decided]
