"""`compare`: which frames are laid side by side, as what, and what is told of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from av.video.stream import VideoStream

import rlcodec
from rlcodec.media.graphs import chain
from tests.clips import Picture, alter, moving, write
from tests.conftest import Command
from tests.test_faults import strict_json

LOSSLESS = {"crf": "0"}


def psnr(reference: Path, distorted: Path) -> float:
    return rlcodec.compare(reference, distorted, ["psnr"]).metrics["psnr"].mean


def remux(source: Path, target: Path, *, shift_s: Fraction = Fraction(0), first: int = 0) -> Path:
    """The same packets in another container, or later, or without the first few."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in list(old.demux(video=0))[first:]:
            if packet.dts is not None:
                assert packet.pts is not None
                assert packet.time_base is not None
                packet.pts += int(shift_s / packet.time_base)
                packet.dts += int(shift_s / packet.time_base)
                packet.stream = stream
                new.mux(packet)
    return target


def write_colour(path: Path, pix_fmt: str, scaling: str, tags: tuple[int, int] | None) -> Path:
    """A still photograph in colour, converted by FFmpeg, with tags for matrix and range."""
    picture = skimage.data.coffee()[:128, :192]
    graph = chain(192, 128, "rgb24", Fraction(1, 25), ("scale", scaling), ("format", pix_fmt))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = 192, 128, pix_fmt
        if tags is not None:
            context.colorspace, context.color_range = tags
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            graph.vpush(frame)
            converted = graph.vpull()
            converted.time_base = Fraction(1, 25)
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def film() -> list[Picture]:
    return moving(12, width=96, height=64)


def test_the_command_prints_one_json_document(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    write(tmp_path / "good.mkv", film, codec="ffv1")
    write(tmp_path / "bad.mp4", film, options={"crf": "30"})
    arguments = ("good.mkv", "bad.mp4", "--metric", "vmaf,psnr,xpsnr,ssim", "--json")
    done = rlcodec("compare", *arguments)
    assert done.returncode == 0, done.stderr
    said = strict_json(done.stdout)
    assert {name: said[name] for name in ("reference", "distorted", "frames", "notes")} == {
        "reference": "good.mkv",
        "distorted": "bad.mp4",
        "frames": 12,
        "notes": [],
    }
    assert said["duration_s"] == pytest.approx(0.48)
    assert said["shift_s"] == 0
    assert list(said["metrics"]) == ["vmaf", "psnr", "xpsnr", "ssim"]
    pooled = {"mean", "harmonic_mean", "p5", "worst_shot"}
    assert set(said["metrics"]["psnr"]) == {*pooled, "of_mean_mse"}
    assert set(said["metrics"]["xpsnr"]) == {*pooled, "of_mean_rmse"}
    assert set(said["metrics"]["ssim"]) == set(said["metrics"]["vmaf"]) == pooled
    worst = said["metrics"]["psnr"]["worst_shot"]
    mean = said["metrics"]["psnr"]["mean"]
    assert worst == {"start_frame": 0, "frames": 12, "start_s": 0, "mean": mean}
    assert len(said["per_frame"]) == 12
    assert set(said["per_frame"][3]) == {"frame", "time_s", "psnr", "ssim", "xpsnr", "vmaf"}
    assert [each["frame"] for each in said["per_frame"]] == list(range(12))
    assert said["per_frame"][3]["time_s"] == pytest.approx(0.12)
    mean = sum(each["ssim"] for each in said["per_frame"]) / 12
    assert said["metrics"]["ssim"]["mean"] == pytest.approx(mean, abs=1e-6)


def test_the_command_prints_a_table_for_people(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    path = write(tmp_path / "a.mkv", film, codec="ffv1")
    done = rlcodec("compare", path.name, path.name)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "a.mkv against a.mkv: 12 frames, 0.480 s"
    assert [line.split()[:2] for line in lines[2:4]] == [["psnr", "100.00"], ["ssim", "1.0000"]]


def test_the_worst_shot_is_found(tmp_path: Path) -> None:
    scenes = [moving(15, width=96, height=64, seed=seed) for seed in (1, 2, 3)]
    random = np.random.default_rng(1)
    noisy = [
        np.clip(each + random.normal(0, 9, each.shape), 0, 255).astype(np.uint8)
        for each in scenes[1]
    ]
    good = write(tmp_path / "good.mkv", [*scenes[0], *scenes[1], *scenes[2]], codec="ffv1")
    bad = write(tmp_path / "bad.mkv", [*scenes[0], *noisy, *scenes[2]], codec="ffv1")
    for scores in rlcodec.compare(good, bad).metrics.values():
        worst = scores.worst_shot
        assert (worst.start_frame, worst.frames, worst.start_s) == (15, 15, 0.6)
        assert worst.mean == pytest.approx(np.mean(scores.values[15:30]))


def test_a_common_shift_is_allowed_and_reported(tmp_path: Path, film: list[Picture]) -> None:
    one = write(tmp_path / "one.mkv", film, codec="ffv1")
    later = remux(one, tmp_path / "later.mkv", shift_s=Fraction(5, 2))
    assert rlcodec.compare(one, later).shift == Fraction(5, 2)
    back = rlcodec.compare(later, one)
    assert back.shift == Fraction(-5, 2)
    assert back.times[:2] == (0, 0.04)
    assert back.metrics["psnr"].mean == 100


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".h264"])
def test_frames_are_paired_in_every_container(
    tmp_path: Path, film: list[Picture], suffix: str
) -> None:
    # B-frames, so that packets come in another order than frames; 24 ticks are no whole millisecond
    rate = Fraction(24000, 1001)
    reference = write(tmp_path / "reference.mkv", film, codec="ffv1", rate=rate)
    options = {**LOSSLESS, "preset": "medium", "x264-params": "scenecut=0:bframes=3:b-adapt=0"}
    plain = write(tmp_path / "plain.mp4", film, options=options, rate=rate)
    other = tmp_path / f"other{suffix}"
    if suffix == ".mp4":
        other = plain
    elif suffix == ".avi":
        write(other, film, options=options, rate=rate)
    elif suffix == ".h264":
        write(other, film, options=options, rate=rate, muxer="h264")
    else:
        remux(plain, other)
    result = rlcodec.compare(reference, other)
    assert result.metrics["psnr"].mean == 100
    assert any("taken in order" in note for note in result.notes) == (suffix in {".avi", ".h264"})
    assert rlcodec.compare(other, reference).metrics["psnr"].mean == 100


def test_variable_frame_rates_are_paired(tmp_path: Path, film: list[Picture]) -> None:
    stamps = [0, 40, 45, 400, 410, 1000, 1001, 1100, 3000, 3033, 3066, 3099]
    kept = {"time_base": Fraction(1, 1000), "stamps": stamps}
    good = write(tmp_path / "good.mkv", film, codec="ffv1", **kept)  # type: ignore[arg-type]
    same = write(tmp_path / "same.mp4", film, options=LOSSLESS, **kept)  # type: ignore[arg-type]
    result = rlcodec.compare(good, same)
    assert result.metrics["psnr"].mean == 100
    assert result.times == tuple(stamp / 1000 for stamp in stamps)


def test_frames_outside_the_edit_list_do_not_count(tmp_path: Path, film: list[Picture]) -> None:
    whole = write(tmp_path / "whole.mkv", film, options={**LOSSLESS, "bf": "0"})
    # A packet before 0 makes the muxer write an edit list that begins behind it
    cut = remux(whole, tmp_path / "cut.mp4", shift_s=Fraction(-3, 25))
    data = bytearray(cut.read_bytes())
    # Its duration, in milliseconds, stands behind version, flags and count (ISO/IEC 14496-12)
    place = data.index(b"elst") + 12
    assert int.from_bytes(data[place : place + 4], "big") == 360
    data[place : place + 4] = (200).to_bytes(4, "big")
    cut.write_bytes(data)
    with av.open(str(cut)) as container:
        shown = [not packet.is_discard for packet in container.demux(video=0) if packet.size]
    assert shown == [False] * 3 + [True] * 5 + [False] * (len(shown) - 8)
    rest = write(tmp_path / "rest.mkv", film[3:8], codec="ffv1")
    assert psnr(rest, cut) == 100


def test_what_precedes_the_first_decodable_frame_does_not_count(
    tmp_path: Path, film: list[Picture]
) -> None:
    whole = write(tmp_path / "whole.mkv", film, options={**LOSSLESS, "bf": "0", "g": "6"})
    cut = remux(whole, tmp_path / "cut.mkv", first=3)
    rest = write(tmp_path / "rest.mkv", film[6:], codec="ffv1")
    assert psnr(rest, cut) == 100


def test_pictures_that_are_never_shown_do_not_count(tmp_path: Path, film: list[Picture]) -> None:
    plain = write(tmp_path / "plain.webm", film, codec="libvpx")
    # The bit that has a VP8 picture shown (RFC 6386, 9.1)
    hiding = alter(
        plain, tmp_path / "hiding.webm", 5, lambda data: bytes([data[0] & ~0x10]) + data[1:]
    )
    kept = [number for number in range(12) if number != 5]
    good = write(tmp_path / "good.mkv", [film[each] for each in kept], codec="ffv1", stamps=kept)
    assert rlcodec.compare(good, hiding).frames == 11


def test_stamps_that_stand_twice_are_not_believed(tmp_path: Path, film: list[Picture]) -> None:
    good = write(tmp_path / "good.mkv", film, codec="ffv1")
    # Two frames in one millisecond
    close = {"time_base": Fraction(1, 10000), "stamps": [*range(0, 4400, 400), 4001]}
    bad = write(tmp_path / "bad.mkv", film, codec="ffv1", **close)  # type: ignore[arg-type]
    result = rlcodec.compare(good, bad)
    assert result.metrics["psnr"].mean == 100
    assert "taken in order" in result.notes[0]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_file_is_scored_upright(
    tmp_path: Path, film: list[Picture], rotation: int
) -> None:
    phone = write(tmp_path / "phone.mp4", film, options=LOSSLESS, rotation=rotation)
    upright = [np.ascontiguousarray(np.rot90(each, rotation // 90)) for each in film]
    assert psnr(phone, write(tmp_path / "upright.mkv", upright, codec="ffv1")) == 100


@pytest.mark.parametrize("other", ["yuv422p", "yuv420p10le", "yuv444p12le", "gray"])
def test_pixel_formats_are_brought_together(
    tmp_path: Path, film: list[Picture], other: str
) -> None:
    random = np.random.default_rng(2)
    worse = [
        np.clip(each.astype(int) + random.integers(-5, 6, each.shape), 0, 255).astype(np.uint8)
        for each in film
    ]
    good = write(tmp_path / "good.mkv", film, codec="ffv1")
    other_good = write(tmp_path / "other_good.mkv", film, codec="ffv1", pix_fmt=other)
    bad = write(tmp_path / "bad.mkv", worse, codec="ffv1", pix_fmt=other)
    assert psnr(good, other_good) > 50
    alike = psnr(other_good, bad)
    result = rlcodec.compare(good, bad)
    assert result.metrics["psnr"].mean == pytest.approx(alike, abs=1.5 if other == "gray" else 0.2)
    assert f"good.mkv holds yuv420p and {bad} {other}: both are scored as" in result.notes[0]


def test_ranges_and_matrices_are_brought_together(tmp_path: Path) -> None:
    clips = {}
    for name, pix_fmt, code in [("bt709", "yuv420p", 1), ("bt601", "yuv444p", 6)]:
        for number, reach in enumerate(("limited", "full"), start=1):
            scaling = f"flags=accurate_rnd:out_color_matrix={name}:out_range={reach}"
            path = tmp_path / f"{name}-{reach}.mkv"
            clips[name, reach] = write_colour(path, pix_fmt, scaling, (code, number))
    clips["rgb", "full"] = write_colour(tmp_path / "rgb.mkv", "bgr0", "out_range=full", None)
    for one in clips.values():
        for other in clips.values():
            # As different they would score below 36 dB
            assert psnr(one, other) > 44, (one, other)
    result = rlcodec.compare(clips["bt709", "limited"], clips["bt601", "full"])
    assert [note.split(" is brought to the ")[1].split()[0] for note in result.notes[1:]] == [
        "range",
        "colour",
    ]


def test_events_tell_how_far_it_is(tmp_path: Path, film: list[Picture]) -> None:
    good = write(tmp_path / "good.mkv", film, codec="ffv1")
    bad = write(tmp_path / "bad.mkv", film, codec="ffv1", pix_fmt="yuv420p10le")
    events: list[rlcodec.Event] = []
    result = rlcodec.compare(good, bad, on_progress=events.append)
    assert events[0] == rlcodec.Comparing(str(good), str(bad), 12)
    assert events[1] == rlcodec.Notice(result.notes[0])
    assert events[-1] == rlcodec.Progress(12)


def test_a_comparison_as_plain_values(tmp_path: Path, film: list[Picture]) -> None:
    path = write(tmp_path / "a.mkv", film, codec="ffv1")
    result = rlcodec.compare(str(path), path, ("ssim",))
    said = result.as_dict()
    assert list(said) == [
        *("reference", "distorted", "frames", "duration_s", "shift_s", "notes", "metrics"),
        "per_frame",
    ]
    assert result.metrics["ssim"].values == (1.0,) * 12
