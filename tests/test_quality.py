from __future__ import annotations

import re
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from rlcodec.errors import InputError
from rlcodec.media.quality import compare_frames, mean_quality
from tests.clips import Picture, moving, write


def luma(path: Path) -> list[Picture]:
    """The first plane as it is coded: a conversion to grey would widen its range."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray().astype(np.uint8)[: frame.height] for frame in frames]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("quality")
    pictures = moving(20)
    reference = write(folder / "good.mkv", pictures, codec="ffv1")
    return reference, write(folder / "bad.mp4", pictures, options={"crf": "34"})


def test_psnr_and_ssim_against_scikit_image(pair: tuple[Path, Path]) -> None:
    scores = list(compare_frames(*pair))
    goods, bads = (luma(path) for path in pair)
    assert len(scores) == len(goods) == 20
    for score, good, bad in zip(scores, goods, bads, strict=True):
        assert score.psnr == pytest.approx(peak_signal_noise_ratio(good, bad), abs=0.01)
        # FFmpeg's SSIM takes 8x8 blocks four pixels apart, scikit-image a window at every pixel
        expected = structural_similarity(good, bad, win_size=7, data_range=255)
        assert score.ssim == pytest.approx(expected, abs=0.02)


def test_scores_against_the_ffmpeg_binary(pair: tuple[Path, Path]) -> None:
    reference, distorted = pair
    graph = "[0:v][1:v]ssim=f=-;[0:v][1:v]psnr=f=-"
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", distorted, "-i", reference),
            *("-lavfi", graph, "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    ssim = [float(each) for each in re.findall(r"Y:([\d.]+)", done.stdout)]
    psnr = [float(each) for each in re.findall(r"psnr_y:([\d.]+)", done.stdout)]
    scores = list(compare_frames(reference, distorted))
    assert [round(score.ssim, 6) for score in scores] == pytest.approx(ssim, abs=1e-6)
    assert [round(score.psnr, 2) for score in scores] == pytest.approx(psnr, abs=0.0051)


def test_identical_files_have_a_finite_score(pair: tuple[Path, Path]) -> None:
    score = mean_quality(compare_frames(pair[0], pair[0]))
    assert (score.psnr, score.ssim) == (100.0, 1.0)


def test_files_that_do_not_match_are_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    short = write(tmp_path / "short.mkv", moving(12), codec="ffv1")
    small = write(tmp_path / "small.mkv", moving(20, width=128), codec="ffv1")
    with pytest.raises(InputError, match="ends after 12 frames"):
        list(compare_frames(pair[0], short))
    with pytest.raises(InputError, match="128x144"):
        list(compare_frames(pair[0], small))


def test_black_frames_score_finitely(tmp_path: Path) -> None:
    black = [np.zeros((144, 256), np.uint8)] * 5
    path = write(tmp_path / "black.mkv", black, codec="ffv1")
    assert mean_quality(compare_frames(path, path)).psnr == 100.0
