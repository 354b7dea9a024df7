"""The numbers of `compare`, against FFmpeg's own program, scikit-image and definitions."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

import rlcodec
from rlcodec.engine.compare import METRICS
from rlcodec.engine.comparison import pool
from rlcodec.media import vmaf
from rlcodec.media.source import Source
from tests.clips import moving, write

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
Samples = NDArray[np.float64]


def luma(path: Path) -> list[Samples]:
    """The first plane as it is coded: a conversion to grey would widen its range."""
    planes = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
            plane = frame.planes[0]
            lines = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
            planes.append(lines[:, : plane.width].astype(np.float64))
    return planes


def ffmpeg(folder: Path, pair: list[Path], graph: str) -> str:
    """What FFmpeg's program says when it runs a filter on both files."""
    done = subprocess.run(
        [
            *(FFMPEG, "-v", "info", "-i", pair[1], "-i", pair[0]),
            *("-lavfi", f"[0:v][1:v]{graph}", "-f", "null", "-"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def ssim(good: Samples, bad: Samples, peak: int) -> float:
    """Mean SSIM over windows of 8x8, four pixels apart, as vf_ssim.c defines it.

    Sums instead of means, and 64 windows' worth of variance over 63: C2 has that factor.
    """

    def sums(values: Samples) -> Samples:
        height, width = (side // 4 for side in values.shape)
        blocks = values[: height * 4, : width * 4].reshape(height, 4, width, 4).sum((1, 3))
        windows: Samples = blocks[1:, 1:] + blocks[:-1, 1:] + blocks[1:, :-1] + blocks[:-1, :-1]
        return windows

    c1 = int(0.01**2 * peak**2 * 64 + 0.5)
    c2 = int(0.03**2 * peak**2 * 64 * 63 + 0.5)
    one, other = sums(good), sums(bad)
    variances = 64 * sums(good**2 + bad**2) - one**2 - other**2
    covariance = 64 * sums(good * bad) - one * other
    alike = (2 * one * other + c1) * (2 * covariance + c2)
    return float((alike / ((one**2 + other**2 + c1) * (variances + c2))).mean())


@pytest.fixture(scope="module", params=["yuv420p", "yuv420p10le"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("quality")
    # Sides that are no multiples of the filters' blocks
    pictures = moving(20, width=250, height=142)
    good = write(folder / "good.mkv", pictures, codec="ffv1", pix_fmt=request.param)
    bad = write(folder / "bad.mp4", pictures, options={"crf": "34"}, pix_fmt=request.param)
    return [good, bad]


def test_psnr_equals_ffmpeg_to_the_printed_digit(pair: list[Path], tmp_path: Path) -> None:
    said = ffmpeg(tmp_path, pair, "psnr=stats_file=log")
    frames = re.findall(r"psnr_y:(\S+)", (tmp_path / "log").read_text())
    scores = rlcodec.compare(pair[0], pair[1]).metrics["psnr"]
    assert [f"{value:.2f}" for value in scores.values] == frames
    assert scores.of_mean_error is not None
    # The sixth decimal is where the filter's own report of a frame is rounded
    overall = float(re.findall(r"PSNR y:(\S+)", said)[-1])
    assert scores.of_mean_error == pytest.approx(overall, abs=1e-6)


def test_ssim_equals_ffmpeg_to_the_printed_digit(pair: list[Path], tmp_path: Path) -> None:
    said = ffmpeg(tmp_path, pair, "ssim=stats_file=log")
    frames = re.findall(r"Y:(\S+)", (tmp_path / "log").read_text())
    scores = rlcodec.compare(pair[0], pair[1]).metrics["ssim"]
    assert [f"{value:.6f}" for value in scores.values] == frames
    assert scores.of_mean_error is None
    assert scores.mean == pytest.approx(float(re.findall(r"SSIM Y:(\S+)", said)[-1]), abs=1e-6)


@pytest.mark.parametrize("rate", [25, 50])
def test_xpsnr_equals_ffmpeg_to_the_printed_digit(
    pair: list[Path], tmp_path: Path, rate: int
) -> None:
    if rate != 25:
        # From 32 frames a second on it weighs motion over three frames instead of two
        pair = [tmp_path / f"fast{path.suffix}" for path in pair]
        write(pair[0], moving(20), codec="ffv1", rate=Fraction(rate))
        write(pair[1], moving(20), options={"crf": "34"}, rate=Fraction(rate))
    said = ffmpeg(tmp_path, pair, "xpsnr=stats_file=log")
    frames = re.findall(r"XPSNR y: (\S+)", (tmp_path / "log").read_text())[:20]
    scores = rlcodec.compare(pair[0], pair[1], ["xpsnr"]).metrics["xpsnr"]
    assert [f"{value:.4f}" for value in scores.values] == frames
    assert f"{scores.of_mean_error:.4f}" == re.findall(r"XPSNR  y: (\S+)", said)[-1]


def test_psnr_and_ssim_against_their_definitions(pair: list[Path]) -> None:
    metrics = rlcodec.compare(pair[0], pair[1]).metrics
    with av.open(str(pair[0])) as container:
        peak = 2 ** container.streams.video[0].format.components[0].bits - 1
    frames = zip(luma(pair[0]), luma(pair[1]), strict=True)
    for number, (good, bad) in enumerate(frames):
        expected = peak_signal_noise_ratio(good, bad, data_range=peak)
        assert metrics["psnr"].values[number] == pytest.approx(expected, abs=1e-5)
        assert metrics["ssim"].values[number] == pytest.approx(ssim(good, bad, peak), abs=1e-5)
    assert number == 19


def test_vmaf_equals_a_direct_run_of_ffmpeg(pair: list[Path], tmp_path: Path) -> None:
    ffmpeg(tmp_path, pair, "libvmaf=log_fmt=json:log_path=log")
    log = json.loads((tmp_path / "log").read_text())
    scores = rlcodec.compare(pair[0], pair[1], ["vmaf"]).metrics["vmaf"]
    # Another build of libvmaf may round otherwise
    frames = [frame["metrics"]["vmaf"] for frame in log["frames"]]
    assert scores.values == pytest.approx(frames, abs=1e-3)
    pooled = log["pooled_metrics"]["vmaf"]
    assert scores.mean == pytest.approx(pooled["mean"], abs=1e-3)
    assert scores.harmonic_mean == pytest.approx(pooled["harmonic_mean"], abs=1e-3)


@pytest.mark.skipif(
    "libvmaf" not in av.filter.filters_available, reason="this PyAV has no libvmaf filter"
)
def test_vmaf_by_the_filter_equals_vmaf_by_the_program(pair: list[Path]) -> None:
    sources = [Source(str(path), max_pixels=10**6, audio=False, subtitles=False) for path in pair]
    picture = sources[0].picture
    with sources[0], sources[1]:
        goods, bads = map(list, sources)
    scores = []
    for kind in (vmaf.FilterVmaf, vmaf.BinaryVmaf):
        with kind(picture) as scorer:
            for good, bad in zip(goods, bads, strict=True):
                assert isinstance(good, av.VideoFrame)
                assert isinstance(bad, av.VideoFrame)
                scorer.push(good, bad)
            scores.append(scorer.finish())
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_vmaf_that_fails_says_why(
    pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av.filter, "filters_available", set[str]())
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho Something is wrong >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(vmaf, "_binary", lambda: str(broken))
    with pytest.raises(rlcodec.RlcodecError, match="vmaf: ffmpeg failed: Something is wrong"):
        rlcodec.compare(pair[0], pair[1], ["vmaf"])


@pytest.mark.parametrize("missing", ["package", "filter"])
def test_vmaf_that_nothing_can_measure_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(av.filter, "filters_available", set[str]())
    if missing == "package":
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    else:
        monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "true")
    vmaf._binary.cache_clear()
    nowhere = tmp_path / "nowhere.mp4"
    with pytest.raises(rlcodec.SettingsError, match=r"install rlcodec\[vmaf\]"):
        rlcodec.compare(nowhere, nowhere, ["psnr", "vmaf"])
    vmaf._binary.cache_clear()


@pytest.mark.parametrize("level", [0, 16, 255])
def test_row_13_equal_flat_frames_score_finitely(tmp_path: Path, level: int) -> None:
    flat = [np.full((45, 45), level, np.uint8)] * 5
    path = write(tmp_path / "flat.mkv", flat, codec="ffv1")
    result = rlcodec.compare(path, path, METRICS)
    assert [result.metrics[name].mean for name in ("psnr", "ssim", "xpsnr")] == [100, 1, 100]
    assert result.metrics["psnr"].of_mean_error == 100
    assert 90 < result.metrics["vmaf"].mean <= 100


def test_row_13_opposite_frames_score_finitely(tmp_path: Path) -> None:
    black, white = (np.full((48, 64), level, np.uint8) for level in (0, 255))
    one = write(tmp_path / "one.mkv", [black, white] * 3, codec="ffv1", pix_fmt="gray")
    other = write(tmp_path / "other.mkv", [white, black] * 3, codec="ffv1", pix_fmt="gray")
    for scores in rlcodec.compare(one, other, METRICS).metrics.values():
        for each in (*scores.values, scores.mean, scores.harmonic_mean, scores.p5):
            assert 0 <= each <= 100


@pytest.mark.parametrize(
    ("width", "height", "metrics"),
    [(64, 15, ["psnr"]), (45, 44, ["xpsnr"]), (64, 39, ["vmaf"])],
)
def test_pictures_too_small_for_a_filter_are_refused(
    tmp_path: Path, width: int, height: int, metrics: list[str]
) -> None:
    small = write(tmp_path / "s.mkv", moving(2, width=width, height=height), codec="ffv1")
    with pytest.raises(rlcodec.InputError, match=rf"s\.mkv: pictures of {width}x{height} are too"):
        rlcodec.compare(small, small, metrics)
    large = moving(2, width=width, height=height + 1)
    large_path = write(tmp_path / "l.mkv", large, codec="ffv1")
    scores = rlcodec.compare(large_path, large_path, metrics).metrics
    assert all(90 < scores[metric].mean <= 100 for metric in metrics)


def test_pooling_of_one_metric() -> None:
    values = [30.0, 40.0, 35.0, 20.0, float("inf")]
    times = [0.0, 0.5, 1.0, 1.5, 2.0]
    pooled = pool("psnr", values, [0, 2, 4], times)
    capped = [30.0, 40.0, 35.0, 20.0, 100.0]
    assert pooled.values == tuple(capped)
    assert pooled.mean == pytest.approx(45)
    error = statistics.mean([10**-3.0, 10**-4.0, 10**-3.5, 10**-2.0, 0.0])
    assert pooled.of_mean_error == pytest.approx(-10 * np.log10(error))
    shifted = statistics.harmonic_mean([value + 1 for value in capped])
    assert pooled.harmonic_mean == pytest.approx(shifted - 1)
    assert pooled.p5 == pytest.approx(22)
    assert pooled.worst_shot == rlcodec.ShotScore(start_frame=2, frames=2, start_s=1.0, mean=27.5)
    # A long shot is worse by its mean, not by its sum
    assert pool("vmaf", [9, 5, 5, 5], [0, 1], [0, 1, 2, 3]).worst_shot.start_frame == 1
    assert pool("vmaf", [4, 5, 5, 5], [0, 1], [0, 1, 2, 3]).worst_shot.start_frame == 0
