"""What one process does with one order: encode a clip once, and score the finished file."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.analysis import state
from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.measured import Measured, kept
from rlcodec.benchmark.meter import Meter, cpu_seconds
from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import THREADS, Studio
from rlcodec.corpus.crew import OnFrame
from rlcodec.corpus.manifest import show_scale
from rlcodec.errors import EncodeError
from rlcodec.media.readback import packets_of
from rlcodec.media.reference import Reference
from rlcodec.media.trial import LIBRARIES
from rlcodec.settings import Settings
from rlcodec.version import __version__

# The clip that this process decoded last: orders come clip by clip
_decoded: dict[str, Reference] = {}


@dataclass(frozen=True)
class Order:
    """One encode that is wanted.

    Attributes:
        clip: what is encoded.
        method: what encodes it, in messages.
        recipe: how.
        codec, preset: of the encoder.
        metrics: what the file is scored by.
        work: a folder for what is made meanwhile.
    """

    clip: Clip
    method: str
    recipe: Recipe
    codec: str
    preset: str
    metrics: tuple[str, ...]
    work: Path

    @property
    def key(self) -> str:
        """SHA-256 of everything that decides about the file; what it is scored by does not."""
        said = [
            self.clip.digest,
            show_scale(self.clip.entry.scale),
            self.recipe.key(),
            *(self.codec, self.preset, THREADS),
            *(__version__, state.VERSION, LIBRARIES),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def frames(self) -> int:
        """About how many will be encoded."""
        return round(self.clip.frames * self.recipe.passes)


def fulfil(order: Order, on_frame: OnFrame) -> Measured:
    """Encode and score.

    Raises:
        RlcodecError: the clip cannot be used, or cannot be encoded in this way.
    """
    began = cpu_seconds()
    reference = _reference(order.clip)
    decode_s = cpu_seconds() - began
    with tempfile.TemporaryDirectory(dir=order.work) as name:
        studio = Studio(
            reference,
            order.clip,
            Settings(codec=order.codec, preset=order.preset),
            Path(name),
            on_frame,
        )
        with Meter() as meter:
            made = order.recipe.make(studio)
        began = cpu_seconds()
        scored = studio.score(made, order.metrics)
        sizes = np.array([packet.bytes for packet in packets_of(made.path)], np.int64)
        score_s = cpu_seconds() - began - scored.xpsnr_cpu_s - scored.vmaf_cpu_s
    if len(sizes) != order.clip.frames:
        raise EncodeError("what was encoded does not have a packet for every frame")
    return Measured(
        key=order.key,
        chosen=made.chosen,
        bytes=sizes,
        scores={metric: kept(metric, values) for metric, values in scored.values.items()},
        encodes=round(studio.encoded / order.clip.frames, 4),
        wall_s=round(meter.wall_s, 4),
        cpu_s=round(meter.cpu_s, 4),
        peak_memory=meter.peak_memory,
        score_cpu_s=round(score_s, 4),
        xpsnr_cpu_s=round(scored.xpsnr_cpu_s, 4),
        vmaf_cpu_s=round(scored.vmaf_cpu_s, 4),
        decode_cpu_s=round(decode_s, 4),
    )


def _reference(clip: Clip) -> Reference:
    name = f"{clip.digest} {show_scale(clip.entry.scale)}"
    if name not in _decoded:
        for old in list(_decoded):
            _decoded.pop(old).close()
        path = str(clip.entry.path)
        _decoded[name] = Reference(path, scale=clip.entry.scale, max_frames=None)
    return _decoded[name]
