"""`rlcodec plan`, and `rlcodec transcode --plan`: what a plan says is what is encoded."""

from __future__ import annotations

import gc
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

import rlcodec
from rlcodec.analysis import state
from rlcodec.engine import director
from rlcodec.media.capability import EXACT
from rlcodec.media.encoder import _MAX_REGIONS, AdaptiveEncoder
from rlcodec.media.picture import Colour, Picture
from rlcodec.policy.rule import Rule
from tests.clips import as_frames, filmed, moving, shots, write
from tests.conftest import Command
from tests.encodes import encode
from tests.folder import FAST, contents


def film(path: Path) -> Path:
    """Three shots that the rule tells apart."""
    grain = filmed("gravel", 40, width=256, height=144)
    return write(path, [*moving(30), *grain, *moving(35, seed=4)])


def segments_of(document: dict[str, Any]) -> list[tuple[int, int, float]]:
    return [(each["start_frame"], each["frames"], each["crf"]) for each in document["segments"]]


@pytest.mark.parametrize(
    ("options", "preset", "policy"), [(FAST, "superfast", "rule"), ((), "medium", "balanced")]
)
def test_a_plan_is_what_transcode_would_do_and_then_does(
    rlcodec: Command, tmp_path: Path, options: tuple[str, ...], preset: str, policy: str
) -> None:
    film(tmp_path / "in.mkv")
    planned = rlcodec("plan", *options, "in.mkv", "-o", "plan.json")
    assert planned.returncode == 0, planned.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert len({crf for _, _, crf in segments_of(plan)}) > 1
    plain = rlcodec("transcode", *options, "in.mkv", "plain.mp4", "--json")
    by_plan = rlcodec("transcode", "in.mkv", "planned.mp4", "--plan", "plan.json", "--json")
    assert by_plan.returncode == 0, by_plan.stderr
    one, other = json.loads(plain.stdout), json.loads(by_plan.stdout)
    assert segments_of(plan) == segments_of(one) == segments_of(other)
    assert other["segments"] == one["segments"]
    assert (other["preset"], other["crf"]) == (preset, 23)
    assert one["policy"] == plan["policy"]
    assert one["policy"]["name"] == policy
    assert other["policy"]["name"] == "plan"
    assert len(other["policy"]["digest"]) == 64
    assert (tmp_path / "planned.mp4").read_bytes() == (tmp_path / "plain.mp4").read_bytes()


def test_an_edited_crf_changes_that_shot_alone(rlcodec: Command, tmp_path: Path) -> None:
    film(tmp_path / "in.mkv")
    rlcodec("plan", *FAST, "in.mkv", "-o", "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["segments"][1]["crf"] = 31.3
    (tmp_path / "edited.json").write_text(json.dumps(plan))
    results = []
    for name in ("plan", "edited"):
        done = rlcodec("transcode", "in.mkv", f"{name}.mp4", "--plan", f"{name}.json", "--json")
        results.append(json.loads(done.stdout))
    was, now = (result["segments"] for result in results)
    assert [segment["crf"] for segment in now] == [was[0]["crf"], 31.3, was[2]["crf"]]
    assert now[1]["bytes"] < 0.7 * was[1]["bytes"]
    # The encoder looks ahead over the cut
    assert now[0]["bytes"] == pytest.approx(was[0]["bytes"], rel=0.02)
    assert results[0]["policy"]["digest"] != results[1]["policy"]["digest"]


def test_a_plan_is_followed_without_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(tmp_path / "in.mkv")
    plan = rlcodec.plan(source, preset="superfast", output=tmp_path / "plan.json")
    events: list[rlcodec.Event] = []

    def looked(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(director.PolicyDirector, "__init__", looked)
    result = rlcodec.transcode(
        source, tmp_path / "out.mkv", plan=tmp_path / "plan.json", on_progress=events.append
    )
    decided = [event for event in events if isinstance(event, rlcodec.SegmentDecided)]
    assert decided == plan.decisions()
    assert (result.policy, result.digest) == ("plan", plan.digest)


def test_what_changes_frames_comes_from_the_plan_unless_it_is_given(
    rlcodec: Command, tmp_path: Path
) -> None:
    write(tmp_path / "in.mkv", moving(40))
    made = ["--scale", "-1x72", "--fps", "12.5", "--pix-fmt", "yuv444p", "--codec", "libx265"]
    options = ["--crf", "30", "--preset", "fast"]
    done = rlcodec("plan", *made, *options, "in.mkv", "-o", "plan.json")
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["input"] == {
        "name": "in.mkv",
        "frames": 20,
        "declared_frames": None,
        "width": 128,
        "height": 72,
        "rate": "25/2",
        "duration_s": 1.6,
    }
    done = rlcodec("transcode", "in.mkv", "out.mkv", "--plan", "plan.json", "--json")
    result = json.loads(done.stdout)
    assert (result["codec"], result["preset"], result["crf"]) == ("libx265", "fast", 30)
    assert shape(tmp_path / "out.mkv") == (128, 72, "yuv444p", 20)
    # x265 alone knows this tune
    given = ["--codec", "libx264", "--preset", "veryfast", "--pix-fmt", "yuv420p"]
    given += ["--scale", "64x48", "--encoder-option", "tune=film"]
    done = rlcodec("transcode", "in.mkv", "two.mkv", *given, "--plan", "plan.json", "--json")
    result = json.loads(done.stdout)
    assert (result["codec"], result["preset"], result["crf"]) == ("libx264", "veryfast", 30)
    assert shape(tmp_path / "two.mkv") == (64, 48, "yuv420p", 20)
    done = rlcodec(
        "transcode", "in.mkv", "three.mkv", "--plan", "plan.json", "--encoder-option", "tune=vmaf"
    )
    assert done.returncode == 0, done.stderr


def shape(path: Path) -> tuple[int, int, str, int]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return frames[0].width, frames[0].height, frames[0].format.name, len(frames)


@pytest.mark.parametrize("option", [["--crf", "23"], ["--policy", "rule"], ["--max-offset", "8"]])
def test_a_plan_excludes_what_it_has_decided(
    rlcodec: Command, tmp_path: Path, clip: Path, option: list[str]
) -> None:
    rlcodec("plan", clip.name, "-o", "plan.json")
    done = rlcodec("transcode", clip.name, "out.mp4", "--plan", "plan.json", *option)
    assert done.returncode == 2
    name = option[0].removeprefix("--").replace("-", "_")
    assert f"{name} and a plan exclude each other" in done.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_settings_of_another_base_do_not_fit(clip: Path, tmp_path: Path) -> None:
    plan = rlcodec.plan(clip)
    other = rlcodec.Settings(crf=20)
    with pytest.raises(rlcodec.PlanError, match="base CRF 23, and crf is 20"):
        rlcodec.transcode(clip, tmp_path / "out.mkv", other, plan=plan)


@pytest.mark.parametrize(
    ("container", "other", "says"),
    [
        ("mkv", 20, "which ends after 20 of the 30 frames"),
        ("mkv", 40, "which goes on after the 30 frames"),
        ("mp4", 20, "which has 20 frames where the plan's has 30"),
        ("mp4", 40, "which has 40 frames where the plan's has 30"),
    ],
)
def test_a_plan_of_another_video_is_refused(
    rlcodec: Command, tmp_path: Path, container: str, other: int, says: str
) -> None:
    write(tmp_path / f"one.{container}", moving(30, width=64, height=48))
    write(tmp_path / f"other.{container}", moving(other, width=64, height=48))
    rlcodec("plan", f"one.{container}", "-o", "plan.json")
    before = contents(tmp_path)
    done = rlcodec("transcode", f"other.{container}", "out.mkv", "--plan", "plan.json")
    assert done.returncode == 2
    assert done.stderr.startswith("rlcodec: error: plan.json: is not the plan of this video")
    assert says in done.stderr
    assert contents(tmp_path) == before


def test_a_container_that_miscounts_is_no_reason_to_refuse(clip: Path, tmp_path: Path) -> None:
    plan = rlcodec.plan(clip)
    plan.refuse_other_video(None)
    plan.refuse_other_video(plan.frames)
    mp4 = rlcodec.plan(write(tmp_path / "in.mp4", moving(12, width=64, height=48)))
    assert mp4.input.declared_frames == 12
    mp4.refuse_other_video(None)
    with pytest.raises(rlcodec.PlanError, match="has 11 frames"):
        mp4.refuse_other_video(11)


def test_an_encoder_that_cannot_follow_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    film(tmp_path / "in.mkv")
    refused = rlcodec("plan", "--preset", "ultrafast", "in.mkv")
    assert refused.returncode == 2
    assert "cannot change CRF while it runs" in refused.stderr
    rlcodec("plan", *FAST, "in.mkv", "-o", "plan.json")
    given = ("--plan", "plan.json", "--preset", "ultrafast")
    refused = rlcodec("transcode", "in.mkv", "out.mkv", *given)
    assert refused.returncode == 2
    assert "give every segment the plan's base CRF" in refused.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    for segment in plan["segments"]:
        segment["crf"] = plan["crf"]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    done = rlcodec("transcode", "in.mkv", "out.mkv", *given)
    assert done.returncode == 0, done.stderr


def test_one_frame(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "one.mkv", moving(1))
    done = rlcodec("plan", "one.mkv", "-o", "plan.json")
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert [segment["frames"] for segment in plan["segments"]] == [1]
    done = rlcodec("transcode", "one.mkv", "out.mkv", "--plan", "plan.json")
    assert done.returncode == 0, done.stderr


def test_the_start_of_a_shot_is_exact_whatever_the_frame_rate(
    rlcodec: Command, tmp_path: Path
) -> None:
    # Ticks of 1/90000 s, at uneven distances, from 1.4 s on
    stamps = [126000]
    for number in range(74):
        stamps.append(stamps[-1] + (3003, 1501, 7507)[number % 3])
    source = write(
        tmp_path / "in.mp4", shots([20, 25, 30]), time_base=Fraction(1, 90000), stamps=stamps
    )
    plan = json.loads(rlcodec("plan", source.name).stdout)
    starts = {segment["start_frame"]: segment["start_s"] for segment in plan["segments"]}
    assert set(starts) == {0, 20, 45}
    for frame, start_s in starts.items():
        assert start_s == float(round(Fraction(stamps[frame] - stamps[0], 90000), 6))


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_standard_input_is_planned(rlcodec: Command, tmp_path: Path, suffix: str) -> None:
    source = film(tmp_path / f"in.{suffix}")
    piped = json.loads(rlcodec("plan", "-", stdin=source.read_bytes()).stdout)
    named = json.loads(rlcodec("plan", source.name).stdout)
    assert piped["segments"] == named["segments"]
    assert piped["input"]["name"] == "standard input"


def test_the_plan_of_fixed_is_the_base(clip: Path) -> None:
    plan = rlcodec.plan(clip, policy="fixed", crf=23.1)
    assert [each.crf for each in plan.segments] == [23.1]
    assert plan.policy == "fixed"


def test_a_base_with_a_fraction_gives_the_same_crf_everywhere(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv")
    base = 16.1  # 16.1 - 0.25 is 15.850000000000001 to a computer
    plan = rlcodec.plan(source, crf=base, preset="superfast", policy="rule")
    assert [len(str(each.crf)) for each in plan.segments] == [5, 4, 4]
    assert [each.offset for each in plan.decisions()] == [-0.25, 1.0, -0.5]
    plain = rlcodec.transcode(
        source, tmp_path / "a.mp4", crf=base, preset="superfast", policy="rule"
    )
    planned = rlcodec.transcode(source, tmp_path / "b.mp4", plan=plan)
    assert plain.segments == planned.segments


def test_any_number_of_crfs_keeps_within_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    regions: list[int] = []
    inner = AdaptiveEncoder._with_region

    def watch(self: AdaptiveEncoder, frame: av.VideoFrame, offset: float) -> av.VideoFrame:
        frame = inner(self, frame, offset)
        regions.append(len(self._regions))
        return frame

    monkeypatch.setattr(AdaptiveEncoder, "_with_region", watch)
    count = 300
    pictures = moving(10, width=64, height=48) * (count // 10)
    offsets = [number / 100 for number in range(count)]
    done = encode(
        "libx264", pictures, crf=23, offsets=offsets, preset="superfast", capability=EXACT
    )
    assert len(done.packets) == count
    assert max(regions) == _MAX_REGIONS


def new_director() -> director.PolicyDirector:
    picture = Picture(256, 144, "yuv420p", Fraction(1), Colour(), Fraction(1, 25), Fraction(25))
    return director.PolicyDirector(picture, Rule(), rlcodec.Settings())


def test_what_was_decided_is_not_kept() -> None:
    def segments() -> int:
        gc.collect()
        # Not isinstance, at which objects of other libraries warn
        return sum(type(each) is state.Segment for each in gc.get_objects())

    before = segments()
    directs = new_director()
    for frame in as_frames(moving(96) * 5):
        for _ in directs.push(frame):
            pass
    # The last one, which the next decision may look back at
    assert segments() == before + 1
    assert len(directs._segmenter._rows) <= director.LOOKAHEAD_FRAMES


def test_frames_come_back_in_order_with_their_decisions() -> None:
    directs = new_director()
    given = []
    for frame in as_frames(shots([70, 60])):
        given += list(directs.push(frame))
    given += list(directs.finish())
    assert [frame.pts for frame, _ in given] == list(range(130))
    for frame, decision in given:
        assert frame.pts is not None
        assert decision.start_frame <= frame.pts < decision.start_frame + decision.frames
