"""The benchmark: policies and rivals on clips, side by side, resumed where it was stopped."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rlcodec.benchmark.clips import Clip, Look, look
from rlcodec.benchmark.export import write_results
from rlcodec.benchmark.folder import REPORT, Folder
from rlcodec.benchmark.methods import (
    DEFAULT_RIVALS,
    FIXED,
    SOURCES,
    SUPERVISED,
    Line,
    Program,
    candidates_for,
)
from rlcodec.benchmark.pictures import sit, sittings
from rlcodec.benchmark.results import METRICS, SINGLE, Failed, Results
from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.rivals.supervised import BySupervised, training_for
from rlcodec.benchmark.summary import Findings, summarise
from rlcodec.benchmark.worker import Order, fulfil
from rlcodec.corpus.crew import Crew, OnFrame
from rlcodec.corpus.manifest import Entry, entries
from rlcodec.corpus.table import Table
from rlcodec.engine.setup import capability_for
from rlcodec.errors import InputError, RlcodecError, SettingsError
from rlcodec.events import Benchmarking, Notice, OnEvent, Progress, Reporting, ignore
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.optimum import BASE_CRFS
from rlcodec.learn.stakes import Library
from rlcodec.media.reference import PIX_FMT
from rlcodec.media.vmaf import vmaf_scorer
from rlcodec.policy.rule import Rule
from rlcodec.publish import write_whole
from rlcodec.report.benchmark import benchmark_page
from rlcodec.report.frames import require_extra
from rlcodec.report.gallery import ClipPictures
from rlcodec.settings import DEFAULT_POLICY, SCOPES, Settings

LEAST_CRFS = 4

_T = TypeVar("_T", Look, Order)
_R = TypeVar("_R")


def run_benchmark(
    inputs: Sequence[str | Path],
    folder: str | Path,
    *,
    policies: Sequence[str] | None = None,
    crfs: Sequence[float] = BASE_CRFS,
    codec: str = Settings.codec,
    preset: str = Settings.preset,
    rivals: Sequence[str] = DEFAULT_RIVALS,
    vmaf: bool = False,
    table: Table | None = None,
    jobs: int | None = None,
    command: str | None = None,
    on_progress: OnEvent | None = None,
) -> Results:
    """Encode clips by policies and rivals, score the finished files, and say what each is worth.

    Everything that is measured is kept in `folder` at once: a run that was stopped goes on where it
    was, and one with more clips, policies or CRFs measures only those. At the end `results.json`
    and `results.csv` stand there, and `report.html` where the extra `report` is installed.

    Args:
        inputs: videos, and manifests as `add_videos` takes them.
        folder: where everything is kept; it is made where it is missing.
        policies: names and files; where None, the default one, where it fits, and `rule`.
        crfs: the base CRFs.
        codec: the encoder, as in `Settings`.
        preset: its speed preset.
        rivals: of `methods.SOURCES`; `fixed` is measured in any case.
        vmaf: whether VMAF is measured as well, and aimed at by the searches, instead of XPSNR.
        table: what the rival `supervised` is trained on; its clips that are measured here, and
            what is grouped with them, are left out.
        jobs: encodes that run side by side; as many as there are cores where None.
        command: what was run, for readers of the report who want to run it again.
        on_progress: called with every event.

    Raises:
        SettingsError: a setting makes no sense, or something is not installed.
        InputError: not one clip can be used.
        OutputError: the folder cannot be used.
    """
    tell = on_progress or ignore
    videos = _entries(inputs)
    program = _program(policies, crfs, Settings(codec=codec, preset=preset), rivals, vmaf=vmaf)
    if (SUPERVISED in program.rivals) != (table is not None):
        raise SettingsError(
            "the rival supervised and a table of encodes to train it on go together: rlcodec "
            "corpus add makes one"
        )
    with Folder(Path(folder)) as kept, tempfile.TemporaryDirectory(prefix="rlcodec-") as work:
        run = _Run(program, kept, Path(work), strict=policies is not None, tell=tell)
        with Crew(jobs or os.cpu_count() or 1, run.count) as crew:
            results = run.measure(crew, videos, table)
            write_results(results, kept.path)
            pictures = run.pictures(crew)
        if pictures is not None:
            document = benchmark_page(results, pictures, command=command)
            write_whole(kept.path / REPORT, document.encode(), overwrite=True)
        return results


def _entries(inputs: Sequence[str | Path]) -> list[Entry]:
    """The clips, whose names tell them apart."""
    found = entries([Path(each) for each in inputs], None)
    names = [each.name for each in found]
    return [
        each if names.count(each.name) == 1 else replace(each, name=str(each.path))
        for each in found
    ]


def _program(
    policies: Sequence[str] | None,
    crfs: Sequence[float],
    settings: Settings,
    rivals: Sequence[str],
    *,
    vmaf: bool,
) -> Program:
    grid = tuple(sorted({float(crf) for crf in crfs}))
    if len(grid) < LEAST_CRFS:
        raise SettingsError(
            f"{len(grid)} CRFs are too few for an RD curve: give {LEAST_CRFS} or more"
        )
    for crf in grid:
        replace(settings, crf=crf)  # refuses what is out of range
    unknown = [name for name in rivals if name not in SOURCES]
    if unknown:
        raise SettingsError(
            f"rival {', '.join(map(repr, unknown))} is not known: choose from {', '.join(SOURCES)}"
        )
    # Refuses an encoder that could not do what a policy wants
    capability_for(settings, PIX_FMT)
    if vmaf:
        vmaf_scorer()  # likewise
    metrics = tuple(name for name in METRICS if vmaf or name != "vmaf")
    chosen = (DEFAULT_POLICY, Rule.name) if policies is None else policies
    return Program(
        settings=settings,
        crfs=grid,
        candidates=candidates_for(chosen),
        rivals=tuple(dict.fromkeys(rivals)),
        metrics=metrics,
        scopes=SCOPES,
    )


class _Run:
    def __init__(
        self, program: Program, kept: Folder, work: Path, *, strict: bool, tell: OnEvent
    ) -> None:
        self._program, self._kept, self._work = program, kept, work
        self._strict, self._tell = strict, tell
        self._began, self._began_cpu = time.monotonic(), time.process_time()
        self._frames = 0
        self._findings = Findings()

    def count(self, frames: int) -> None:
        """Note that so many more frames are encoded."""
        self._frames += frames
        self._tell(Progress(self._frames))

    def measure(self, crew: Crew, videos: Sequence[Entry], table: Table | None) -> Results:
        """Do all that was not done, and put it together."""
        findings = self._findings
        clips = self._clips(crew, videos)
        if len(clips) == 1:
            self._program = replace(self._program, scopes=("title",))
            self._note("one clip is no library: name several to measure scope library")
        if table is not None:
            settings = self._program.settings
            digests = {clip.digest for clip in clips}
            training = training_for(table, settings.codec, settings.preset, digests)
            self._program = replace(self._program, training=training)
        program = self._program
        self._round(
            crew,
            [(clip, *each) for clip in clips for each in program.first(self._fitting(clip))],
            later=sum(self._later(clip) for clip in clips),
        )
        ready = [
            clip for clip in clips if set(program.crfs) <= set(findings.points(clip, Line(FIXED)))
        ]
        libraries = self._libraries(ready)
        self._round(
            crew,
            [
                (clip, *each)
                for clip in ready
                for each in program.second(clip, findings.of(clip), libraries)
            ],
            later=0,
        )
        findings.clips = clips
        results = summarise(program, findings)
        books = time.process_time() - self._began_cpu
        cost = replace(
            results.cost,
            other_cpu_s=round(results.cost.other_cpu_s + books, 2),
            run_s=round(time.monotonic() - self._began, 2),
        )
        return replace(results, cost=cost)

    def pictures(self, crew: Crew) -> dict[str, ClipPictures] | None:
        """Pictures of all clips that can be pictured; None where no report can be made."""
        try:
            require_extra()
        except SettingsError as error:
            self._tell(Notice(f"{REPORT} is not written: {error}"))
            return None
        self._tell(Reporting())
        found = {}
        for task, seen in crew.results(sit, sittings(self._program, self._findings, self._work)):
            if isinstance(seen, RlcodecError):
                self._tell(Notice(f"{task.clip.entry.path}: no pictures: {seen}"))
            else:
                found[task.clip.entry.name] = seen
        return found

    def _clips(self, crew: Crew, videos: Sequence[Entry]) -> list[Clip]:
        """The clips that can be used, in the order in which they were given."""
        looks = {entry: Look(entry, self._program.metrics) for entry in videos}
        found = {
            task.entry: clip
            for task, clip in self._results(crew, look, looks.values(), lambda each: each.entry)
        }
        clips: dict[tuple[str, object], Clip] = {}
        for clip in (found[entry] for entry in videos if entry in found):
            same = clips.setdefault((clip.digest, clip.entry.scale), clip)
            if same is not clip:
                self._note(f"{clip.entry.path}: is the same as {same.entry.path}")
        if not clips:
            raise InputError("; ".join(each.error for each in self._findings.failures))
        single = [clip.entry.name for clip in clips.values() if clip.set == SINGLE]
        if single:
            self._note(
                f"single shots, in which a policy has nothing to move: {', '.join(single)}; they "
                "are a set of their own, and count in the library"
            )
        return list(clips.values())

    def _fitting(self, clip: Clip) -> list[Line]:
        """The policies that fit a clip, in the scopes in which they do; the others are told of."""
        lines = []
        for each in self._program.candidates:
            for scope in self._program.scopes:
                for crf in self._program.crfs:
                    settings = replace(self._program.settings, scope=scope, crf=crf)
                    misfit = each.misfit(settings, clip.width * clip.height)
                    if misfit is not None:
                        break
                else:
                    lines.append(Line(each.name, scope))
                    continue
                error = f"{clip.entry.path}: policy {each.name} {misfit}"
                if self._strict:
                    self._failed(clip.entry, error)
                else:
                    self._note(error)
        return lines

    def _libraries(self, clips: Iterable[Clip]) -> dict[str, Library]:
        """One price for all clips, by objective."""
        program, found = self._program, {}
        for name in program.objectives:
            episodes = [
                episode
                for clip in clips
                if (episode := program.episode(clip, self._findings.of(clip), OBJECTIVES[name]))
            ]
            if not episodes:
                continue
            library = Library(episodes, OBJECTIVES[name])
            try:
                for crf in program.crfs:
                    library.terms(episodes[0], crf)
            except SettingsError as error:
                self._note(f"the library has no optimum: {error}")
            else:
                found[name] = library
        return found

    def _round(
        self, crew: Crew, wanted: Sequence[tuple[Clip, Line, Recipe]], *, later: int
    ) -> None:
        """Do those encodes that were not done; about `later` frames are to follow in others."""
        program, findings = self._program, self._findings
        orders: dict[str, Order] = {}
        places: list[tuple[str, Clip, Line, Recipe]] = []
        kept = 0
        for clip, line, recipe in wanted:
            order = Order(
                clip,
                line.method,
                recipe,
                program.settings.codec,
                program.settings.preset,
                program.metrics,
                self._work,
            )
            key = order.key
            places.append((key, clip, line, recipe))
            if self._kept.find(key, program.metrics) is None:
                # Encodes that several methods have in common are made once
                orders.setdefault(key, order)
            else:
                kept += 1
        due = sum(order.frames for order in orders.values())
        self._tell(Benchmarking(len(orders), kept, self._frames + due + later))
        ready = (self._with_model(order) for order in orders.values())
        for _, measured in self._results(crew, fulfil, ready, lambda each: each.clip.entry):
            self._kept.add(measured)
        for key, clip, line, recipe in places:
            if found := self._kept.find(key, program.metrics):
                findings.add(clip, line, recipe, found)

    def _with_model(self, order: Order) -> Order:
        """The order, the supervised rival's with its model: it is trained when it is needed."""
        training = self._program.training
        if training is None or not isinstance(order.recipe, BySupervised):
            return order
        if not training.done:
            self._tell(Notice("the rival supervised is trained, which takes about a minute"))
        return replace(order, recipe=replace(order.recipe, policy=training.model))

    def _later(self, clip: Clip) -> int:
        """About how many frames of a clip the second round will encode."""
        return round(clip.frames * self._program.second_passes)

    def _results(
        self,
        crew: Crew,
        work: Callable[[_T, OnFrame], _R],
        tasks: Iterable[_T],
        entry_of: Callable[[_T], Entry],
    ) -> Iterator[tuple[_T, _R]]:
        """What came of every task, as it comes; what failed is noted, and left out."""
        for task, result in crew.results(work, tasks):
            if isinstance(result, RlcodecError):
                entry = entry_of(task)
                self._failed(entry, f"{_what(task)}{result}")
            else:
                yield task, result

    def _failed(self, entry: Entry, error: str) -> None:
        path = str(entry.path)
        error = error if error.startswith(path) else f"{path}: {error}"
        failed = Failed(input=path, error=error)
        if failed not in self._findings.failures:
            self._findings.failures.append(failed)
            self._tell(Notice(f"left out: {error}"))

    def _note(self, message: str) -> None:
        if message not in self._findings.notes:
            self._findings.notes.append(message)
            self._tell(Notice(message))


def _what(task: Look | Order) -> str:
    if isinstance(task, Look):
        return ""
    return f"{task.method} at CRF {task.recipe.crf:g}: "
