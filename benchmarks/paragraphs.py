"""What the README says of each measurement: words from here, figures from its file."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.tables import Row, table

Document = Mapping[str, Any]
"""A measurement's file, as `tables.report` or the command itself writes it."""


def prose(text: str) -> str:
    """A paragraph in lines as the README's."""
    return textwrap.fill(text, 112, break_long_words=False, break_on_hyphens=False)


def section(document: Document, *parts: str | Sequence[Row]) -> str:
    """Prose and tables, and at the end what they were measured by, when and with."""
    shown = [prose(part) if isinstance(part, str) else table(part) for part in parts]
    machine = document["machine"]
    cores, system = machine["cores"], machine["system"]
    on = ", ".join(filter(None, [machine.get("processor"), f"{cores} cores", system]))
    libraries = f"PyAV {machine['av']} (FFmpeg {machine['ffmpeg']}), Python {machine['python']}"
    when = f", {machine['date']}" if "date" in machine else ""
    made = f"`python -m benchmarks {document['benchmark']}`{when}"
    return "\n\n".join(
        [*shown, prose(f"*{made}: rlcodec {machine['rlcodec']}, {libraries}, {on}.*")]
    )


def _overhead(document: Document) -> str:
    policy = document["policy"]

    def ratios(row: Row, ours: str, theirs: str) -> str:
        wall, cpu = (float(str(row[f"{ours} / {theirs}, {figure}"])) for figure in ("wall", "cpu"))
        return f"{wall:.2f} / {cpu:.2f}"

    return section(
        document,
        "**What deciding costs.** Wall and CPU time of `rlcodec transcode` over the same encode at "
        f"CRF {document['crf']} in a plain PyAV loop, and over the `ffmpeg` binary "
        f"({document['ffmpeg_binary']}) of imageio-ffmpeg: whole processes, start-up and the check "
        f"of the finished file included, medians of the ratios of {document['runs']} runs made in "
        f"turn, on a reel of {document['clips']} clips ({document['frames']} frames).",
        [
            {
                "picture, preset": "{size} `{preset}`".format_map(row),
                f"`{policy}` over plain loop, wall / CPU": ratios(row, policy, "plain"),
                "over ffmpeg": ratios(row, policy, "ffmpeg"),
                "`rule` over plain loop": ratios(row, "rule", "plain"),
                "`fixed` over plain loop": ratios(row, "fixed", "plain"),
            }
            for row in document["rows"]
        ],
        f"`{policy}` and `rule` make another file than the plain loop, which may be a smaller one, "
        "or a larger. `fixed` analyses and decides as much as `rule`, and then encodes the same as "
        "the plain loop.",
    )


def _memory(document: Document) -> str:
    return section(
        document,
        f"**Memory.** Peak of the process, `{document['policy']}`, preset `{document['preset']}`, "
        "one unbroken shot:",
        [
            {
                "picture": row["size"],
                "length": f"{row['seconds'] / 60:g} min",
                "rlcodec": f"{row['rlcodec MB']} MB",
                "plain loop": f"{row['plain loop MB']} MB",
            }
            for row in document["rows"]
        ],
    )


def _startup(document: Document) -> str:
    took = {row["command"]: f"{row['wall, s']:.2f} s" for row in document["rows"]}
    return section(
        document,
        f"**Start-up.** `rlcodec --help` answers in {took['rlcodec --help']}, `rlcodec transcode "
        f"--help`, which loads FFmpeg's libraries, in {took['rlcodec transcode --help']}; a bare "
        f"Python takes {took['python -c pass']} of that. Medians of {document['runs']} runs.",
    )


def _decisions(document: Document) -> str:
    took = {
        row["what"]: f"{row['median, ms']:.3f} ms ({row['95th percentile, ms']:.3f})"
        for row in document["rows"]
    }
    state, rule = took.pop("state"), took.pop("rule")
    learned = ", ".join(f"`{policy}` {time}" for policy, time in took.items())
    return section(
        document,
        f"**Decisions.** There is one for every segment of up to {document['longest']} frames. Its "
        f"state takes {state} to make; to decide takes {learned}, `rule` {rule}: medians of "
        f"{document['decisions']}, in brackets the 95th percentile.",
    )


def _grid(document: Document) -> str:
    *clips, whole = document["rows"]
    ratios = [clip["measured / bare"] for clip in clips]
    return section(
        document,
        "**Encodes of a corpus.** An encode of `rlcodec corpus add`, which is decoded again, "
        f"scored and kept, took {whole['measured, ms a frame']:.1f} ms of CPU for each frame, the "
        f"bare encode {whole['bare, ms a frame']:.1f} ms: {whole['measured / bare']:.2f} times as "
        f"much, from {min(ratios):.2f} to {max(ratios):.2f} times by clip ({len(clips)} clips of "
        f"up to {document['frames']} frames at 640x360, x264 `{document['preset']}` in one thread, "
        f"{document['encodes']} CRFs, medians of {document['runs']} runs).",
    )


def _scaling(document: Document) -> str:
    one, *more = document["rows"]
    others = "".join(
        f", with {row['jobs']} jobs {row['encoded frames/s']:.0f} "
        f"({row['of one job']:.2f} times that)"
        for row in more
    )
    return section(
        document,
        f"**Jobs.** `rlcodec corpus add` on {document['clips']} clips ({document['encodes']} "
        f"encodes of {document['encoded_frames']} frames together, 640x360) measured "
        f"{one['encoded frames/s']:.0f} encoded frames a second with one job{others}: whole "
        f"processes, medians of {document['runs']} runs.",
    )


_MARKED = ("edited", "clips with cuts", "one shot")
_JOINED = "joined reels"


def _shots(document: Document) -> str:
    videos = {row["kind"]: row["videos"] for row in document["kinds"]}
    marked, joined = sum(videos[kind] for kind in _MARKED), videos[_JOINED]
    altered = sum(videos.values()) - marked - joined
    flashes = [row for row in document["kinds"] if row["kind"].startswith("flash")]
    false = sum(int(row["rlcodec"].partition(" /")[0]) for row in flashes)
    found = {0: "no cut", 1: "one cut"}.get(false, f"{false} cuts")
    return section(
        document,
        f"**Shots.** Hard cuts in {marked} clips marked by eye, {joined} reels joined from clips "
        f"at 24 to 60 frames per second, and {altered} clips altered by flashes, fades, dissolves, "
        "darkness and noise; fades, dissolves, wipes and changing pages count neither way. Our "
        "constants and the others' thresholds were chosen on the same clips:",
        [
            {
                "detector": _detector(row["detector"]),
                f"cuts found, of {row['cuts']}": row["found"],
                "false": row["false"],
                "precision": f"{row['precision']:.3f}",
                "recall": f"{row['recall']:.3f}",
            }
            for row in _best(document["rows"])
        ],
        f"At the {sum(row['videos'] for row in flashes)} flashes rlcodec found {found}.",
    )


def _best(rows: Sequence[Document]) -> list[Document]:
    """Of every detector that was tried at several thresholds, the row with the fewest errors."""
    best: dict[str, Document] = {}
    for row in rows:
        family = row["detector"].rstrip("0123456789 ")
        errors = row["false"] + row["cuts"] - row["found"]
        if (
            family not in best
            or errors < best[family]["false"] + row["cuts"] - best[family]["found"]
        ):
            best[family] = row
    return list(best.values())


def _detector(name: str) -> str:
    family, _, threshold = name.rpartition(" ")
    if not family:
        return name
    return f"{family.replace('scdet', 'FFmpeg `scdet`')}, threshold {threshold}"


def _sample(document: Document) -> str:
    return section(
        document,
        "**The sample.** `make demo` encodes a synthetic clip of ours with twelve very different "
        f"shots. Against fixed CRF {document['crf']}, and against the bytes that fixed CRF needs "
        "for the same quality:",
        [
            {
                "policy": f"`{row['policy']}`",
                "bytes": f"{row['bytes']:+.1f} %",
                "PSNR": f"{row['PSNR, dB']:+.2f} dB",
                "SSIM": f"{row['SSIM']:+.4f}",
                "bytes at the same PSNR": f"{row['bytes at the same PSNR']:+.1f} %",
                "bytes at the same SSIM": f"{row['bytes at the same SSIM']:+.1f} %",
            }
            for row in document["rows"]
        ],
    )


PARAGRAPHS: Mapping[str, Callable[[Document], str]] = {
    "overhead": _overhead,
    "memory": _memory,
    "startup": _startup,
    "decisions": _decisions,
    "grid": _grid,
    "scaling": _scaling,
    "shots": _shots,
    "sample": _sample,
}
"""By the name of a measurement, which is that of its command, of its file and of its place."""
