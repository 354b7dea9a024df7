"""Row 15 of the fault table: settings and encoder options, through the installed command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.folder import assert_refused, assert_works


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--crf", "99"], ["crf is 99", "between 0 and 51"]),
        (["--crf", "-1"], ["crf is -1", "between 0 and 51"]),
        (["--crf", "nan"], ["crf is nan", "between 0 and 51"]),
        (["--crf", "inf"], ["crf is inf", "between 0 and 51"]),
        (["--max-offset", "21"], ["max_offset is 21", "between 0 and 20"]),
        (["--max-offset", "nan"], ["max_offset is nan", "between 0 and 20"]),
        (["--max-pixels", "0"], ["max_pixels is 0", "at least 1"]),
        (["--fps", "0"], ["fps is 0", "above 0"]),
        (["--fps", "nan"], ["fps is nan", "above 0"]),
        (["--fps", "1e999999"], ["fps is 1e999999", "up to 1000"]),
        (["--fps", "25.000001"], ["fps is 25.000001", "1001"]),
        (["--scale", "1x1"], ["scale is 1x1", "2 to 16384"]),
        (["--scale", "big"], ["scale is 'big'", "1280x720"]),
        (["--preset", "warp"], ["preset 'warp' is not known", "medium"]),
        (["--codec", "mpeg4"], ["codec 'mpeg4' is not known", "libx264, libx265"]),
        (["--policy", "oracle"], ["policy 'oracle' is not known", "rule"]),
        (["--pix-fmt", "yuv999p"], ["pix_fmt 'yuv999p'", "yuv420p"]),
        (["--json", "--json-lines"], ["--json and --json-lines exclude each other"]),
    ],
)
def test_row_15_values_out_of_range_are_refused(
    rlcodec: Command, tmp_path: Path, clip: Path, arguments: list[str], says: list[str]
) -> None:
    assert_refused(rlcodec, tmp_path, *arguments, clip.name, "out.mp4", code=2, says=says)


@pytest.mark.parametrize(
    ("codec", "option", "says"),
    [
        ("libx264", "tune", ["--encoder-option 'tune'", "give KEY=VALUE"]),
        ("libx264", "=film", ["--encoder-option '=film'", "give KEY=VALUE"]),
        ("libx264", "warp=1", ["libx264 has no option 'warp'"]),
        ("libx265", "warp=1", ["libx265 has no option 'warp'"]),
        ("libx264", "bf=many", ['"bf"', "many"]),
        ("libx264", "me_method=magic", ["me_method", "magic"]),
        ("libx264", "x264-params=warp=1", ["'warp = 1'"]),
        ("libx264", "x264-params=ref=3:me=magic", ["'me = magic'"]),
        ("libx265", "x265-params=warp=1", ["Unknown option: warp"]),
        ("libx265", "x265-params=me=magic", ["me: magic"]),
        ("libx264", "tune=magic", ["tune 'magic' is not known", "film"]),
        ("libx264", "tune=film,magic", ["tune 'film,magic' is not known", "grain"]),
        ("libx264", "tune=film+grain", ["tune 'film+grain'", "choose one of film, grain"]),
        ("libx264", "tune=", ["tune '' is not known"]),
        ("libx265", "tune=film", ["tune 'film' is not known", "animation"]),
        ("libx264", "profile=magic", ["profile 'magic' is not known", "high"]),
        ("libx265", "profile=magic", ["profile", "magic"]),
    ],
)
def test_row_15_unknown_options_are_refused(
    rlcodec: Command, clip: Path, codec: str, option: str, says: list[str]
) -> None:
    arguments = ["--codec", codec, "--encoder-option", option, clip.name, "out.mp4"]
    assert_refused(rlcodec, clip.parent, *arguments, code=2, says=says)


@pytest.mark.parametrize(
    ("codec", "option", "says"),
    [
        ("libx264", "preset=slow", ["'preset'", "a setting of its own"]),
        ("libx264", "crf=30", ["'crf'", "a setting of its own"]),
        ("libx264", "qp=20", ["'qp'", "rate control"]),
        ("libx265", "qp=20", ["'qp'", "rate control"]),
        ("libx264", "b=1000000", ["'b'", "rate control"]),
        ("libx264", "global_quality=20", ["'global_quality'", "rate control"]),
        ("libx264", "x264-params=crf=30", ["'x264-params=crf'", "a setting of its own"]),
        ("libx264", "x264-params=ref=2:--qp=20", ["'x264-params=qp'", "rate control"]),
        ("libx264", "x264-params=qp_constant=9", ["'x264-params=qp-constant'", "rate control"]),
        ("libx264", "x264-params=zones=0,9,q=9", ["'x264-params=zones'", "rate control"]),
        ("libx264", "x264opts=bitrate=900", ["'x264opts=bitrate'", "rate control"]),
        ("libx265", "x265-params=lossless=1", ["'x265-params=lossless'", "rate control"]),
        ("libx265", "x265-params=pass=1", ["'x265-params=pass'", "rate control"]),
        ("libx264", "x264-params='stats'=mine", ["'x264-params=stats'", "write a file"]),
        ("libx264", "x264-params=dump-yuv=mine", ["'x264-params=dump-yuv'", "write a file"]),
        ("libx265", "x265-params=csv=mine", ["'x265-params=csv'", "write a file"]),
        ("libx265", "x265-params=analysis-save=mine", ["analysis-save", "write a file"]),
        ("libx264", "passlogfile=mine", ["'passlogfile'", "write a file"]),
        ("libx264", "flags=+pass1", ["'flags'", "the picture"]),
        ("libx264", "time_base=1/2", ["'time_base'", "the picture"]),
    ],
)
def test_row_15_options_that_take_over_are_refused(
    rlcodec: Command, clip: Path, codec: str, option: str, says: list[str]
) -> None:
    arguments = ["--codec", codec, "--encoder-option", option, clip.name, "out.mp4"]
    assert_refused(rlcodec, clip.parent, *arguments, code=2, says=["is not taken", *says])


@pytest.mark.parametrize(
    ("codec", "option"),
    [
        ("libx264", "tune=film"),
        ("libx264", "tune=Grain,zerolatency"),
        ("libx264", "profile=high"),
        ("libx264", "x264-params=ref=2:keyint=10"),
        ("libx265", "tune=grain"),
        ("libx265", "x265-params=ref=2:keyint=10"),
    ],
)
def test_row_15_other_options_are_taken(
    rlcodec: Command, tmp_path: Path, clip: Path, codec: str, option: str
) -> None:
    options = ["--codec", codec, "--encoder-option", option, "--policy", "fixed"]
    done = assert_works(rlcodec, tmp_path, clip.name, "out.mp4", *options)
    assert not done.stderr
