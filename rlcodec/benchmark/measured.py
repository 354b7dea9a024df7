"""What one encode came to, frame by frame, as the folder of a benchmark keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rlcodec.benchmark.studio import Chosen
from rlcodec.media.probe import PSNR_CAP

_DIGITS = {"psnr_y": 3, "ssim_y": 6, "xpsnr_y": 3, "vmaf": 3}


def kept(metric: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores as they are kept: of equal frames finite, and with so many digits as the file has.

    What depends on them is then the same when they are read back.
    """
    return values.clip(0, PSNR_CAP).round(_DIGITS[metric])


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """One finished file.

    Attributes:
        key: of everything that decided about it.
        chosen: frames and the CRF that the encoder was told; None where it was told none.
        bytes: of every frame's packet.
        scores: of every frame, by the names in `results.METRICS`; decibels lie between 0 and 100.
        encodes: how many frames were encoded for it, over its frames.
        wall_s, cpu_s, peak_memory: what making it took, as in `results.Point`.
        score_cpu_s, xpsnr_cpu_s, vmaf_cpu_s: what scoring it took, XPSNR and VMAF apart.
        decode_cpu_s: what decoding the clip took, where that was done for this encode.
    """

    key: str
    chosen: Chosen | None
    bytes: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]
    encodes: float
    wall_s: float
    cpu_s: float
    peak_memory: int | None
    score_cpu_s: float
    xpsnr_cpu_s: float
    vmaf_cpu_s: float
    decode_cpu_s: float

    @property
    def size(self) -> int:
        """Bytes of all packets."""
        return int(self.bytes.sum())

    def to_line(self) -> str:
        """The record as one line of JSON."""
        scores = {metric: values.tolist() for metric, values in self.scores.items()}
        plain = {**vars(self), "bytes": self.bytes.tolist(), "scores": scores}
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """The record of what `to_line` wrote.

        Raises:
            TypeError, ValueError, KeyError: the values are others.
        """
        chosen = values["chosen"]
        return cls(
            **{
                **values,
                "chosen": None
                if chosen is None
                else tuple((int(frames), float(crf)) for frames, crf in chosen),
                "bytes": np.array(values["bytes"], np.int64),
                "scores": {
                    metric: np.array(each, float) for metric, each in values["scores"].items()
                },
            }
        )
