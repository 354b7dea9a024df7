"""The demonstration behind `make demo`: one sample, transcoded by the policy and at fixed CRF."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.processes import RLCODEC
from rlcodec import compare
from rlcodec.settings import DEFAULT_POLICY
from rlcodec.units import size

SAMPLE = Path("sample_videos/tour.mp4")
FOLDER = Path("demo")
CRF = 23
POLICY = DEFAULT_POLICY


@dataclass(frozen=True)
class Encode:
    """One encode of the sample: what the command said, and the scores of the finished file."""

    label: str
    result: dict[str, Any]
    psnr: float
    ssim: float

    @property
    def bytes(self) -> int:
        """Size of the video."""
        return int(self.result["video_bytes"])


def main() -> None:
    """Transcode the sample by the policy and at fixed CRF, and say what the difference was."""
    chosen = encode(POLICY, CRF)
    fixed = encode("fixed", CRF)
    # The next CRF on the side of the policy's size, to tell what fixed CRF needs for its quality
    beside = encode("fixed", CRF + (1 if chosen.bytes < fixed.bytes else -1))
    click.echo("\nThe CRF of every shot (| is the base):\n")
    for segment in chosen.result["segments"]:
        click.echo(_bar(segment))
    click.echo()
    for each in (chosen, fixed, beside):
        click.echo(
            f"  {each.label:>12}: {size(each.bytes):>8} of video, PSNR {each.psnr:.2f} dB, "
            f"SSIM {each.ssim:.4f}, in {each.result['wall_s']:.1f} s"
        )
    click.echo(
        f"\nAgainst fixed CRF {CRF}, {POLICY} {_saved(chosen.bytes / fixed.bytes - 1)}, with "
        f"{chosen.psnr - fixed.psnr:+.2f} dB of PSNR and {chosen.ssim - fixed.ssim:+.4f} of SSIM.\n"
        "Against fixed CRF of the same quality, by the two above: at the same PSNR it "
        f"{_saved(chosen.bytes / bytes_at(chosen.psnr, fixed, beside, 'psnr') - 1)}, at the same "
        f"SSIM it {_saved(chosen.bytes / bytes_at(chosen.ssim, fixed, beside, 'ssim') - 1)}.\n"
        f"The files are in {FOLDER}/."
    )


def encode(policy: str, crf: int) -> Encode:
    """Transcode the sample with the installed command and score the file."""
    label = policy if policy != "fixed" else f"fixed CRF {crf}"
    output = FOLDER / f"tour-{label.replace(' ', '-').lower()}.mp4"
    arguments = ["transcode", str(SAMPLE), str(output), "--policy", policy, "--crf", str(crf)]
    click.echo(f"rlcodec {' '.join(arguments)}", err=True)
    FOLDER.mkdir(exist_ok=True)
    done = subprocess.run(  # noqa: S603 # our own command
        [RLCODEC, *arguments, "-y", "--json"], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)
    scores = compare(SAMPLE, output).metrics
    return Encode(label, json.loads(done.stdout), scores["psnr"].mean, scores["ssim"].mean)


def bytes_at(score: float, one: Encode, other: Encode, metric: str) -> float:
    """What fixed CRF needs for a score: the logarithm of bytes is linear between two encodes."""
    start, end = getattr(one, metric), getattr(other, metric)
    return float(one.bytes * (other.bytes / one.bytes) ** ((score - start) / (end - start)))


def _saved(change: float) -> str:
    return (
        f"saved {-change:.1%} of the video"
        if change <= 0
        else f"made the video {change:.1%} larger"
    )


def _bar(segment: dict[str, Any]) -> str:
    width = 24
    place = round((segment["crf"] - CRF) * width / 8)
    below, above = "#" * max(0, -place), "#" * max(0, place)
    return (
        f"  frame {segment['start_frame']:4}  CRF {segment['crf']:5.2f}  "
        f"{below:>{width}}|{above:<{width}}  {size(segment['bytes'])}"
    )


if __name__ == "__main__":
    main()
