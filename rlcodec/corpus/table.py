"""The table: what every frame of a corpus measured, and what it cost and kept at every CRF.

A table holds no picture. As a file it is one compressed `.npz` that says the following of each
clip, and nothing in it can run code:

- kept exactly: names, digests, sizes, rates, cuts, CRFs, and the bytes of every packet;
- rounded to 0.01: PSNR, what the encoder reported of it, both in dB, and VMAF;
- rounded to 11 significant bits: the measurements, and the distance of SSIM from 1.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.frames import FRAME_INPUTS
from rlcodec.errors import InputError

FORMAT, VERSION = "rlcodec-table", 1
PSNR_CAP = 100.0
"""PSNR in dB that stands for no error at all, and for more than this."""

Values = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

_FACTS = ("name", "group", "digest", "width", "height", "delay")
_UNKNOWN = 2**16 - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """One source at one size, measured once and encoded at several CRFs.

    Attributes:
        name: what people call it.
        group: sources that share material share their group: none stands on both sides of a split.
        digest: SHA-256 of the source file, in hexadecimal.
        width, height: in pixels, as encoded.
        rate: average frames per second.
        measured: of every frame, float32 (frames, `FRAME_INPUTS`).
        cuts: whether a frame begins a shot, bool (frames); the first one does.
        crfs: float32 (C), rising.
        bytes: of every frame's packet, uint32 (C, frames), in display order.
        psnr: of luma in dB, float32 (C, frames), at most `PSNR_CAP`.
        ssim: of luma, float32 (C, frames), at most 1.
        reported_psnr: what the encoder said with the packet in dB, float32 (C, frames); nan where
            it said nothing.
        vmaf: 0 to 100, float32 (C, frames); None where it was not measured.
        delay: frames that the encoder holds before its first packet.

    Raises:
        InputError: the arrays contradict each other.
    """

    name: str
    group: str
    digest: str
    width: int
    height: int
    rate: Fraction
    measured: Values
    cuts: NDArray[np.bool_]
    crfs: Values
    bytes: NDArray[np.uint32]
    psnr: Values
    ssim: Values
    reported_psnr: Values
    vmaf: Values | None = None
    delay: int = 0

    def __post_init__(self) -> None:
        frames, shape = len(self.cuts), (len(self.crfs), len(self.cuts))
        scored = (self.bytes, self.psnr, self.ssim, self.reported_psnr, self.vmaf)
        if self.measured.shape != (frames, len(FRAME_INPUTS)) or any(
            each is not None and each.shape != shape for each in scored
        ):
            raise InputError(
                f"clip {self.name}: its arrays do not belong together, or were measured by another "
                "version; add the clip to the corpus anew"
            )
        if not frames or not self.cuts[0]:
            raise InputError(f"clip {self.name}: does not begin with a shot")
        if len(self.crfs) < 2 or not (np.diff(self.crfs) > 0).all():
            raise InputError(f"clip {self.name}: needs two CRFs or more, in rising order")

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.cuts)


@dataclass(frozen=True, eq=False)
class Table:
    """Clips encoded in one way.

    Attributes:
        clips: in the order in which they were added.
        codec, preset, options: of the encoder.
        state_version: `analysis.state.VERSION` of the measurements.
    """

    clips: tuple[Clip, ...]
    codec: str
    preset: str
    options: Mapping[str, str]
    state_version: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that a file keeps."""
        found = hashlib.sha256(self._facts().encode())
        for clip in self.clips:
            for name, values in _pack(clip).items():
                found.update(f"{name} {values.dtype} {values.shape}".encode())
                found.update(values.tobytes())
        return found.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the table to a file, which is the same to the byte for the same table."""
        facts = np.frombuffer(self._facts().encode(), np.uint8)
        arrays: Arrays = {"facts": facts}
        for number, clip in enumerate(self.clips):
            arrays |= {f"{number}.{name}": values for name, values in _pack(clip).items()}
        with Path(path).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Table:
        """Read a table from a file.

        Raises:
            InputError: the file cannot be read, or is no table of this version.
        """
        try:
            # Opened here, because numpy leaves open what turns out to be no archive
            with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                facts = json.loads(file["facts"].tobytes())
                if (facts["format"], facts["version"]) != (FORMAT, VERSION):
                    raise InputError(
                        f"{path}: is a table of another version; write it anew from its store"
                    )
                clips = tuple(_unpack(each, number, file) for number, each in _numbered(facts))
            return cls(
                clips, facts["codec"], facts["preset"], facts["options"], facts["state_version"]
            )
        except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as a table: {error}") from error
        except (zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path}: is damaged, or no table: {error}") from error

    def _facts(self) -> str:
        """All that is no array, as JSON."""
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "codec": self.codec,
            "preset": self.preset,
            "options": dict(self.options),
            "state_version": self.state_version,
            "clips": [
                {**{name: getattr(clip, name) for name in _FACTS}, "rate": str(clip.rate)}
                for clip in self.clips
            ],
        }
        return json.dumps(facts)


def _numbered(facts: Mapping[str, Any]) -> enumerate[dict[str, Any]]:
    return enumerate(facts["clips"])


def _pack(clip: Clip) -> Arrays:
    """The arrays of a clip as a file keeps them."""
    packed: Arrays = {
        "measured": clip.measured.T.astype(np.float16),
        "cuts": clip.cuts,
        "crfs": clip.crfs.astype(np.float32),
        "bytes": clip.bytes.astype(np.uint32),
        "psnr": _hundredths(clip.psnr),
        "loss": (1 - clip.ssim.astype(float)).astype(np.float16),
        "reported_psnr": _hundredths(clip.reported_psnr),
    }
    if clip.vmaf is not None:
        packed["vmaf"] = _hundredths(clip.vmaf)
    return packed


def _unpack(facts: dict[str, Any], number: int, file: Mapping[str, NDArray[Any]]) -> Clip:
    def array(name: str) -> NDArray[Any]:
        return file[f"{number}.{name}"]

    return Clip(
        **{**facts, "rate": Fraction(facts["rate"])},
        measured=np.ascontiguousarray(array("measured").T, np.float32),
        cuts=array("cuts"),
        crfs=array("crfs"),
        bytes=array("bytes"),
        psnr=_from_hundredths(array("psnr")),
        ssim=(1 - array("loss").astype(float)).astype(np.float32),
        reported_psnr=_from_hundredths(array("reported_psnr")),
        vmaf=_from_hundredths(array("vmaf")) if f"{number}.vmaf" in file else None,
    )


def _hundredths(values: Values) -> NDArray[np.uint16]:
    whole = np.clip(np.round(values.astype(float) * 100), 0, _UNKNOWN - 1)
    return np.where(np.isnan(whole), _UNKNOWN, whole).astype(np.uint16)


def _from_hundredths(values: NDArray[np.uint16]) -> Values:
    return np.where(values == _UNKNOWN, np.nan, values / 100).astype(np.float32)
