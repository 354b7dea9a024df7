"""The README's figures come from the measurements' files, each into its own place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from benchmarks.everything import NAMES, everything
from benchmarks.paragraphs import PARAGRAPHS
from benchmarks.policy_paragraphs import PICTURE, SETS
from benchmarks.readme import README, filled, readme

PLACES = {*PARAGRAPHS, *(f"policies-{name}" for name in SETS), PICTURE}
MACHINE = {
    "date": "2031-02-03",
    "processor": "Some Processor",
    "cores": 7,
    "system": "Linux x86_64",
    "python": "3.11.9",
    "rlcodec": "9.8.7",
    "av": "18.5.0",
    "ffmpeg": "8.7",
}
COSTS = {
    f"{policy} / {other}, {figure}": 1.25
    for policy in ("balanced", "rule", "fixed")
    for other in ("plain", "ffmpeg")
    for figure in ("wall", "cpu")
}


def detected(detector: str, found: int, false: int) -> dict[str, Any]:
    facts = {"cuts": 50, "found": found, "false": false}
    return {"detector": detector, **facts, "precision": 0.9, "recall": 0.8}


def of_kind(kind: str, videos: int, false: int) -> dict[str, Any]:
    return {"kind": kind, "videos": videos, "cuts": 0, "rlcodec": f"{false} / 0"}


FILES: dict[str, dict[str, Any]] = {
    "overhead": {
        "policy": "balanced",
        "crf": 23,
        "runs": 3,
        "frames": 600,
        "clips": 10,
        "ffmpeg_binary": "8.0",
        "rows": [{"size": "720p", "preset": "medium", **COSTS, "rule / plain, cpu": 1.75}],
    },
    "memory": {
        "policy": "balanced",
        "preset": "veryfast",
        "rows": [{"size": "640x360", "seconds": 90, "rlcodec MB": 133, "plain loop MB": 80}],
    },
    "startup": {
        "runs": 15,
        "rows": [
            {"command": "python -c pass", "wall, s": 0.02},
            {"command": "rlcodec --help", "wall, s": 0.05},
            {"command": "rlcodec transcode --help", "wall, s": 0.27},
        ],
    },
    "decisions": {
        "decisions": 2000,
        "longest": 96,
        "rows": [
            {"what": "state", "median, ms": 0.03, "95th percentile, ms": 0.12},
            {"what": "rule", "median, ms": 0.002, "95th percentile, ms": 0.008},
            {"what": "balanced", "median, ms": 0.025, "95th percentile, ms": 0.101},
        ],
    },
    "grid": {
        "clips": 2,
        "frames": 100,
        "runs": 3,
        "preset": "medium",
        "encodes": 12,
        "rows": [
            {"measured, ms a frame": 12, "bare, ms a frame": 10, "measured / bare": ratio}
            for ratio in (1.11, 1.39, 1.2)
        ],
    },
    "scaling": {
        "clips": 8,
        "encodes": 96,
        "encoded_frames": 3840,
        "runs": 3,
        "rows": [
            {"jobs": 1, "encoded frames/s": 70.4, "of one job": 1.0},
            {"jobs": 2, "encoded frames/s": 130.2, "of one job": 1.85},
        ],
    },
    "shots": {
        "kinds": [
            *(
                of_kind("edited", 4, 3),
                of_kind("clips with cuts", 15, 2),
                of_kind("one shot", 40, 1),
            ),
            *(of_kind("joined reels", 8, 0), of_kind("flash 1", 6, 0), of_kind("noise", 6, 9)),
        ],
        "rows": [
            *(detected("rlcodec", 49, 2), detected("scdet 6", 45, 40), detected("scdet 10", 44, 9)),
            detected("PySceneDetect adaptive 5", 40, 30),
        ],
    },
    "sample": {
        "crf": 23,
        "rows": [
            {
                "policy": "balanced",
                "bytes": -1.5,
                "PSNR, dB": 0.25,
                "SSIM": 0.0012,
                "bytes at the same PSNR": -4.0,
                "bytes at the same SSIM": 2.0,
            }
        ],
    },
}
SAID = {
    "overhead": "| 720p `medium` | 1.25 / 1.25 | 1.25 / 1.25 | 1.25 / 1.75 | 1.25 / 1.25 |",
    "memory": "| 640x360 | 1.5 min | 133 MB | 80 MB |",
    "startup": "`rlcodec --help` answers in 0.05 s",
    "decisions": "`balanced` 0.025 ms (0.101), `rule` 0.002 ms (0.008): medians of 2000",
    "grid": "1.20 times as much, from 1.11 to 1.39 times by clip (2 clips",
    "scaling": "70 encoded frames a second with one job, with 2 jobs 130 (1.85 times that)",
    "shots": "| FFmpeg `scdet`, threshold 10 | 44 | 9 | 0.900 | 0.800 |",
    "sample": "| `balanced` | -1.5 % | +0.25 dB | +0.0012 | -4.0 % | +2.0 % |",
}


def keep(folder: Path, *names: str) -> None:
    for name in names:
        document = {"benchmark": name, "machine": MACHINE, **FILES[name]}
        (folder / f"{name}.json").write_text(json.dumps(document))


def results(
    set_name: str, policy: str = "balanced", *, shares: tuple[float, float] | None = None
) -> dict[str, Any]:
    mean = {"mean": -1.234, "low": -2.0, "high": 0.25}
    video = {"name": "a", "frames": 120, "shots": 5, "parts": ["x.mkv", "y.mkv"]}
    summary = {
        "set_name": set_name,
        "policy": policy,
        "objective": "balanced",
        "videos": 1,
        "bd_rates": {"psnr": mean, "ssim": None},
        "fine": {},
        "repicked": {},
        "median": -0.5,
        "worst": 1.5,
        "bytes_ratio": 1.015,
        "shares": shares,
    }
    return {
        "benchmark": "policies",
        "machine": MACHINE,
        "preset": "medium",
        "crfs": [20, 28],
        "held_out": True,
        "summaries": [summary],
        "videos": [{"set": set_name, "video": video}, {"set": set_name, "video": video}],
    }


def keep_results(folder: Path, name: str, document: dict[str, Any]) -> None:
    (folder / name).mkdir()
    (folder / name / "results.json").write_text(json.dumps(document))


def write(folder: Path, path: Path) -> str:
    done = CliRunner().invoke(readme, [str(folder), "--readme", str(path)])
    assert done.exit_code == 0, done.output
    return path.read_text(encoding="utf-8")


def outside(text: str) -> list[str]:
    """What stands between the places."""
    return re.split(r"(?<=-->\n)(?:(?!<!--).)*(?=<!-- end -->)", text, flags=re.DOTALL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "copy" / "README.md"
    target.parent.mkdir()
    target.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    return target


def test_the_readme_has_one_place_for_every_measurement_and_no_other() -> None:
    text = README.read_text(encoding="utf-8")
    assert sorted(re.findall(r"<!-- measured: (\S+) -->", text)) == sorted(PLACES)
    assert text.count("<!-- end -->") == text.count("<!--") / 2 == len(PLACES)
    assert set(NAMES) <= PLACES
    filled(text, dict.fromkeys(PLACES, ""))  # refuses what is no place


def test_every_paragraph_is_written_into_its_place_and_nothing_else(
    tmp_path: Path, copy: Path
) -> None:
    before = copy.read_text(encoding="utf-8")
    keep(tmp_path, *FILES)
    keep_results(tmp_path, "policies-reels", results("reels", shares=(0.44, 0.5)))
    keep_results(tmp_path, "policies-titles", results("titles"))
    after = write(tmp_path, copy)
    assert outside(after) == outside(before)
    unwrapped = " ".join(after.split())
    for said in SAID.values():
        assert said in unwrapped
    assert (
        unwrapped.count("2031-02-03: rlcodec 9.8.7, PyAV 18.5.0 (FFmpeg 8.7), Python 3.11.9") == 10
    )
    assert "At the 6 flashes rlcodec found no cut." in after
    assert "59 clips marked by eye, 8 reels" in unwrapped
    assert "12 clips altered" in unwrapped
    assert "scdet`, threshold 6" not in after
    picture = (copy.parent / "docs" / "policies.png").read_bytes()
    assert write(tmp_path, copy) == after
    assert (copy.parent / "docs" / "policies.png").read_bytes() == picture


def test_a_place_is_left_alone_where_nothing_was_measured_for_it(
    tmp_path: Path, copy: Path
) -> None:
    before = copy.read_text(encoding="utf-8")
    assert write(tmp_path, copy) == before
    keep(tmp_path, "startup")
    after = write(tmp_path, copy)
    assert after != before
    again = re.search(r"<!-- measured: startup -->\n.*?<!-- end -->", before, re.DOTALL)
    assert again
    assert filled(after, {"startup": "\n".join(again[0].splitlines()[1:-1])}) == before


def test_policies_are_told_by_set(tmp_path: Path, copy: Path) -> None:
    keep_results(tmp_path, "policies-a", results("reels", "optimum balanced", shares=(0.44, 0.5)))
    keep_results(tmp_path, "policies-b", results("titles"))
    after = write(tmp_path, copy)
    rate, rest = "-1.23 % (-2.00 to +0.25)", "-0.50 % | +1.50 % | +1.5 % |"
    assert f"| the optimum for `balanced` | {rate} | 44% | {rest}" in after
    assert f"| `balanced` | {rate} | {rest}" in after
    assert "1 reels of 2 unrelated clips" in after
    assert "that the policies have not seen" in " ".join(after.split())
    assert "![BD-rates of policies: reels, edited titles; with intervals]" in after
    keep_results(tmp_path, "policies-c", results("titles"))
    done = CliRunner().invoke(readme, [str(tmp_path), "--readme", str(copy)])
    assert "more than one of its folders has policies-titles" in done.output
    assert copy.read_text(encoding="utf-8") == after


def test_a_readme_without_the_place_is_refused() -> None:
    place = "<!-- measured: startup -->\nold\n<!-- end -->\n"
    assert filled(place, {"startup": "new"}) == place.replace("old", "new")
    unclosed = "<!-- measured: startup -->\nold\n"
    for text in ("", unclosed, unclosed + place.replace("startup", "memory"), place * 2):
        with pytest.raises(click.UsageError, match="places for startup"):
            filled(text, {"startup": "new"})


def test_all_runs_what_is_missing_and_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    class Done:
        returncode = 0

    def run(command: list[str], *, check: bool) -> Done:
        assert not check
        ran.append(command[3:])
        done = Done()
        done.returncode = int(command[3] == "shots")
        return done

    monkeypatch.setattr("benchmarks.everything.subprocess.run", run)
    keep(tmp_path, "startup", "memory")
    corpus, out = str(tmp_path), ["--out", str(tmp_path)]
    done = CliRunner().invoke(everything, [corpus, *out, "--held-out", str(tmp_path)])
    assert done.exit_code == 1
    assert "failed: shots" in done.output
    commands = {each[0]: each[1:] for each in ran}
    assert list(commands) == [
        *("decisions", "sample", "grid", "scaling", "shots", "overhead", "policies"),
    ]
    assert commands["decisions"] == ["--json", str(tmp_path / "decisions.json")]
    assert commands["grid"] == [corpus, "--json", str(tmp_path / "grid.json")]
    assert commands["policies"][-2:] == ["--held-out", str(tmp_path)]
    ran.clear()
    chosen = ["--only", "startup", "--only", "memory"]
    assert CliRunner().invoke(everything, [corpus, *out, *chosen]).exit_code == 0
    assert not ran
    assert CliRunner().invoke(everything, [corpus, *out, *chosen, "--again"]).exit_code == 0
    assert [each[0] for each in ran] == ["startup", "memory"]
