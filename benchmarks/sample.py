"""The demonstration's clip in figures: the default policy and the rule against fixed CRF."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.demo import CRF, POLICY, bytes_at, encode
from benchmarks.tables import report


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def sample(json_path: Path | None) -> None:
    """Transcode the sample of `make demo`, from the folder of the checkout."""
    fixed, *others = (encode("fixed", crf) for crf in (CRF, CRF - 1, CRF + 1))
    rows = []
    for policy in (POLICY, "rule"):
        ours = encode(policy, CRF)
        # The next CRF on the side of the policy's size
        beside = next(
            each for each in others if (each.bytes < fixed.bytes) == (ours.bytes < fixed.bytes)
        )
        rows.append(
            {
                "policy": policy,
                "bytes": _percent(ours.bytes / fixed.bytes),
                "PSNR, dB": round(ours.psnr - fixed.psnr, 2),
                "SSIM": round(ours.ssim - fixed.ssim, 4),
                **{
                    f"bytes at the same {metric.upper()}": _percent(
                        ours.bytes / bytes_at(getattr(ours, metric), fixed, beside, metric)
                    )
                    for metric in ("psnr", "ssim")
                },
            }
        )
    report("sample", rows, json_path, crf=CRF)


def _percent(ratio: float) -> float:
    return round(100 * (ratio - 1), 1)
