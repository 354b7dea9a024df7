"""VMAF: by FFmpeg's `libvmaf` filter where PyAV has it, else by the `ffmpeg` of imageio-ffmpeg."""

from __future__ import annotations

import gc
import json
import os
import subprocess
from abc import ABC, abstractmethod
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.plane import VideoPlane

from rlcodec.errors import RlcodecError, SettingsError
from rlcodec.media.picture import Picture

_TICK = Fraction(1, 25)
# Reference and distorted frames come in turn, through one pipe, so that no side waits for the other
_GRAPH = (
    "[0:v]split[a][b];[a]select=not(mod(n\\,2)),setpts=N[reference];"
    "[b]select=mod(n\\,2),setpts=N[distorted];"
    "[distorted][reference]libvmaf=log_fmt=json:log_path={log}:n_threads={threads}"
)


class VmafScorer(ABC):
    """Scores pairs of frames; the scores are there once all of them are."""

    def __init__(self) -> None:
        """Make a private folder, for the log in which FFmpeg writes scores."""
        self._folder = TemporaryDirectory(prefix="rlcodec-")
        self._log = Path(self._folder.name, "vmaf.json")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._folder.cleanup()

    @abstractmethod
    def push(self, reference: av.VideoFrame, distorted: av.VideoFrame) -> None:
        """Take the next pair.

        Raises:
            RlcodecError: FFmpeg gave up.
        """

    def finish(self) -> list[float]:
        """The VMAF of every pair, 0 to 100.

        Raises:
            RlcodecError: FFmpeg gave up.
        """
        self._flush()
        try:
            log = json.loads(self._log.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RlcodecError(f"vmaf: FFmpeg wrote no scores ({error})") from error
        return [float(frame["metrics"]["vmaf"]) for frame in log["frames"]]

    @abstractmethod
    def _flush(self) -> None:
        """Have the log written."""

    @abstractmethod
    def _end(self) -> None:
        """Stop whatever still runs."""


class FilterVmaf(VmafScorer):
    """VMAF by PyAV's filter."""

    def __init__(self, picture: Picture) -> None:
        """Prepare for pairs of `picture`s."""
        super().__init__()
        self._graph: Graph | None = (graph := Graph())
        self._inputs = [
            graph.add_buffer(
                width=picture.width,
                height=picture.height,
                format=av.VideoFormat(picture.pix_fmt),
                time_base=_TICK,
                name=name,
            )
            for name in ("distorted", "reference")
        ]
        # By keywords, so that no path is read as a filter's syntax
        score = graph.add(
            "libvmaf", log_fmt="json", log_path=str(self._log), n_threads=str(_threads())
        )
        for pad, node in enumerate(self._inputs):
            node.link_to(score, 0, pad)
        self._sink: FilterContext | None = graph.add("buffersink")
        score.link_to(self._sink)
        graph.configure()
        self._count = 0

    def push(self, reference: av.VideoFrame, distorted: av.VideoFrame) -> None:
        """Take the next pair."""
        assert self._sink is not None
        for node, frame in zip(self._inputs, (distorted, reference), strict=True):
            frame.pts, frame.time_base = self._count, _TICK
            node.push(frame)
        self._count += 1
        self._sink.pull()

    def _flush(self) -> None:
        self._end()

    def _end(self) -> None:
        # The filter writes its log when it is freed; a graph and its filters hold each other
        self._graph, self._sink = None, None
        self._inputs.clear()
        gc.collect()


class BinaryVmaf(VmafScorer):
    """VMAF by an `ffmpeg` process that is fed the frames."""

    def __init__(self, picture: Picture) -> None:
        """Start the process for pairs of `picture`s."""
        super().__init__()
        binary = _binary()
        assert binary is not None
        self._sample_bytes = (picture.bit_depth + 7) // 8
        self._errors = Path(self._folder.name, "errors.txt")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 # the path is imageio-ffmpeg's
                [
                    *(binary, "-v", "error", "-nostdin"),
                    *("-f", "rawvideo", "-pix_fmt", picture.pix_fmt, "-framerate", "25"),
                    *("-video_size", f"{picture.width}x{picture.height}", "-i", "pipe:0"),
                    *("-lavfi", _GRAPH.format(log=self._log.name, threads=_threads())),
                    *("-fps_mode", "passthrough", "-f", "null", "-"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder.name,
                # A Ctrl-C in the terminal is ours to answer
                start_new_session=True,
            )

    def push(self, reference: av.VideoFrame, distorted: av.VideoFrame) -> None:
        """Take the next pair."""
        assert self._process.stdin is not None
        try:
            for frame in (reference, distorted):
                for plane in frame.planes:
                    self._process.stdin.write(_samples(plane, self._sample_bytes))
        except BrokenPipeError as error:
            raise self._failure() from error

    def _flush(self) -> None:
        self._process.communicate()
        if self._process.returncode:
            raise self._failure()

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _failure(self) -> RlcodecError:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "it says nothing")
        return RlcodecError(f"vmaf: ffmpeg failed: {said.strip()}")


def vmaf_scorer() -> type[FilterVmaf | BinaryVmaf]:
    """What can measure VMAF here.

    Raises:
        SettingsError: nothing can; the message says what to install.
    """
    if "libvmaf" in av.filter.filters_available:
        return FilterVmaf
    if _binary() is not None:
        return BinaryVmaf
    raise SettingsError(
        "vmaf cannot be measured: neither PyAV nor an ffmpeg of imageio-ffmpeg has FFmpeg's "
        "libvmaf filter here; install rlcodec[vmaf]"
    )


@cache
def _binary() -> str | None:
    """The `ffmpeg` of imageio-ffmpeg, if it is there and has the filter."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415 # an extra, and only where the filter is missing

        binary = str(imageio_ffmpeg.get_ffmpeg_exe())
        asked = subprocess.run(  # noqa: S603 # the path is imageio-ffmpeg's
            [binary, "-v", "quiet", "-filters"], capture_output=True, text=True, check=False
        )
    except (ImportError, RuntimeError, OSError):
        return None
    return binary if " libvmaf " in asked.stdout else None


def _threads() -> int:
    return os.cpu_count() or 1


def _samples(plane: VideoPlane, sample_bytes: int) -> bytes:
    """The bytes of a plane without the padding of its lines."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return lines[:, : plane.width * sample_bytes].tobytes()
