"""The demonstration behind `make demo`: one sample, transcoded by the policy and at fixed CRF."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.processes import RLCODEC
from rlcodec.cli.progress import size
from rlcodec.media.quality import compare_frames, mean_quality

SAMPLE = Path("sample_videos/tour.mp4")
FOLDER = Path("demo")


def main() -> None:
    """Transcode the sample twice, with progress, and say what the difference was."""
    FOLDER.mkdir(exist_ok=True)
    rule, fixed = (_transcode(policy) for policy in ("rule", "fixed"))
    click.echo("\nThe CRF that the policy chose, shot by shot (| is the base):\n")
    for segment in rule["segments"]:
        click.echo(_bar(segment, rule["crf"]))
    click.echo("\nScoring both against the sample ...\n", err=True)
    scores = [mean_quality(compare_frames(SAMPLE, Path(each["output"]))) for each in (rule, fixed)]
    for each, score in zip((rule, fixed), scores, strict=True):
        click.echo(
            f"{each['policy']['name']:>6}: {size(each['video_bytes']):>8} of video, "
            f"PSNR {score.psnr:.2f} dB, SSIM {score.ssim:.4f}, {each['wall_s']:.1f} s  "
            f"({each['output']})"
        )
    click.echo(
        f"\nAgainst fixed CRF {fixed['crf']:g} the policy made the video "
        f"{rule['video_bytes'] / fixed['video_bytes'] - 1:+.1%} in size, "
        f"{scores[0].psnr - scores[1].psnr:+.2f} dB in PSNR and "
        f"{scores[0].ssim - scores[1].ssim:+.4f} in SSIM."
    )


def _transcode(policy: str) -> dict[str, Any]:
    output = FOLDER / f"tour-{policy}.mp4"
    click.echo(f"rlcodec transcode {SAMPLE} {output} --policy {policy}", err=True)
    command = [RLCODEC, "transcode", str(SAMPLE), str(output), "-y", "--policy", policy, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 # our own command
    if done.returncode:
        sys.exit(done.returncode)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _bar(segment: dict[str, Any], base: float) -> str:
    offset = segment["crf"] - base
    width = 24
    place = round(offset * width / 8)
    below, above = "#" * max(0, -place), "#" * max(0, place)
    return (
        f"  frame {segment['start_frame']:4}  CRF {segment['crf']:5.2f}  "
        f"{below:>{width}}|{above:<{width}}  {size(segment['bytes'])}"
    )


if __name__ == "__main__":
    main()
