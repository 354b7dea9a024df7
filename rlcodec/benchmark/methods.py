"""What is measured: policies and rivals by their names, and how each encodes a clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.measured import Measured
from rlcodec.benchmark.results import POLICY, RIVAL, Method
from rlcodec.benchmark.rivals.boost import Boost
from rlcodec.benchmark.rivals.crf_search import CrfSearch
from rlcodec.benchmark.rivals.oracle import Oracle, best_plan, episode_of, grid_for
from rlcodec.benchmark.rivals.rates import Repicked, TwoPass
from rlcodec.benchmark.rivals.recipe import ByPolicy, FixedCrf, Recipe
from rlcodec.benchmark.rivals.scene_search import SceneSearch, bounds_for, statistic
from rlcodec.benchmark.rivals.supervised import BySupervised, Training
from rlcodec.errors import SettingsError
from rlcodec.learn.curves import Encodes
from rlcodec.learn.episodes import Episode
from rlcodec.learn.objective import OBJECTIVES, Objective
from rlcodec.learn.stakes import Library
from rlcodec.policy.facts import PolicyFacts
from rlcodec.policy.rule import Rule
from rlcodec.policy.shipped import load_policy
from rlcodec.settings import Settings

FIXED, REPICKED, SUPERVISED, ORACLE = "fixed", "re-picked", "supervised", "oracle"
SOURCES = {
    FIXED: "one CRF for the file, the encoder alone (x264, x265)",
    REPICKED: "the fixed CRF that gives a title the policy's bytes",
    "two-pass": "the encoder's two passes at the size of fixed CRF (x264, x265)",
    "boost-formula": "a fast pass and a formula (Auto-Boost-Essential)",
    "crf-search": "one CRF for the file, by samples and interpolation (ab-av1 0.11.7)",
    "scene-search": "up to four probes of every scene (Av1an 0.5.2, target quality)",
    SUPERVISED: "a network that predicts every CRF, trained by regression (after vmaf-tune)",
    ORACLE: "the optimum for each shot, from encodes at many CRFs: the limit",
}
"""The rivals, and where each comes from."""
DEFAULT_RIVALS = tuple(name for name in SOURCES if name != SUPERVISED)
"""Those that need nothing but rlcodec."""
SEARCHES = ("crf-search", "scene-search")
JUDGE = "balanced"
"""The objective by which rivals, and policies without one of their own, are judged."""

Points = dict[float, Measured]
"""Measurements by base CRF."""


@dataclass(frozen=True, slots=True)
class Line:
    """What makes one curve: a method in a scope."""

    method: str
    scope: str = "title"


GRID = Line("grid")
"""Fixed CRFs beside the bases, for the optimum."""


@dataclass(frozen=True)
class Candidate:
    """A policy that is measured.

    Attributes:
        name: what results call it.
        policy: its name or file.
        digest: SHA-256 of its file; None where it is written in code.
        facts: what the file says; None where there is none.
    """

    name: str
    policy: str
    digest: str | None
    facts: PolicyFacts | None

    @property
    def objective(self) -> str:
        """What it is judged by."""
        known = self.facts is not None and self.facts.objective in OBJECTIVES
        return self.facts.objective if self.facts is not None and known else JUDGE

    def recipe(self, crf: float, scope: str) -> ByPolicy:
        """How it encodes."""
        # What is written in code does not ask for the scope
        scope = "title" if self.facts is None else scope
        return ByPolicy(crf=crf, policy=self.policy, digest=self.digest or self.policy, scope=scope)

    def misfit(self, settings: Settings, pixels: int) -> str | None:
        """Why it is of no use there; None where it is."""
        return None if self.facts is None else self.facts.misfit(settings, pixels)


def candidates_for(policies: Sequence[str]) -> tuple[Candidate, ...]:
    """The policies of names and files, each once; `fixed` is none.

    Raises:
        PolicyError: a file is no policy.
        SettingsError: a name is not known, or two policies have the same.
    """
    found: dict[str, Candidate] = {}
    for policy in dict.fromkeys(policies):
        settings = Settings(policy=policy)  # refuses what is not known
        if policy == FIXED:
            continue
        if policy == Rule.name:
            candidate = Candidate(policy, policy, None, None)
        else:
            file = load_policy(str(settings.policy))
            candidate = Candidate(Path(policy).stem, policy, file.digest, file.facts)
        if candidate.name in (*found, *SOURCES):
            raise SettingsError(
                f"policy {policy}: something else that is measured is called {candidate.name} too; "
                "rename the file"
            )
        found[candidate.name] = candidate
    if not found:
        raise SettingsError("no policy is measured: name one beside fixed")
    return tuple(found.values())


@dataclass(frozen=True)
class Program:
    """What is to be measured of every clip.

    Attributes:
        settings: codec and preset of all encodes.
        crfs: the base CRFs, rising.
        candidates: the policies.
        rivals: names in `SOURCES`; `fixed` is measured in any case.
        metrics: by the names in `results.METRICS`.
        scopes: those in which policies encode.
        training: what the supervised rival is trained on.
    """

    settings: Settings
    crfs: tuple[float, ...]
    candidates: tuple[Candidate, ...]
    rivals: tuple[str, ...]
    metrics: tuple[str, ...]
    scopes: tuple[str, ...]
    training: Training | None = None

    @property
    def target_metric(self) -> str:
        """What searches aim at: VMAF where it is measured, else XPSNR, which both tools know."""
        return "vmaf" if "vmaf" in self.metrics else "xpsnr_y"

    @property
    def objectives(self) -> tuple[str, ...]:
        """Those whose optimum is wanted."""
        if ORACLE not in self.rivals:
            return ()
        return tuple(dict.fromkeys([JUDGE, *(each.objective for each in self.candidates)]))

    def methods(self) -> tuple[Method, ...]:
        """Everything that is measured, in the order in which it is shown."""
        found = [Method(name=FIXED, kind=RIVAL, source=SOURCES[FIXED])]
        for each in self.candidates:
            source = "written by hand" if each.facts is None else f"trained for {each.objective}"
            found.append(Method(name=each.name, kind=POLICY, source=source, digest=each.digest))
        for name in (name for name in SOURCES if name in self.rivals and name != FIXED):
            if name == REPICKED:
                found += [
                    Method(name=repicked(each.name), kind=RIVAL, source=SOURCES[name], of=each.name)
                    for each in self.candidates
                ]
            elif name == ORACLE:
                found += [
                    Method(name=oracle(objective), kind=RIVAL, source=SOURCES[name])
                    for objective in self.objectives
                ]
            else:
                found.append(Method(name=name, kind=RIVAL, source=SOURCES[name]))
        return tuple(found)

    @property
    def second_passes(self) -> float:
        """About how often the second round encodes every frame of a clip."""
        named: dict[str, type[Recipe]] = {
            "two-pass": TwoPass,
            "crf-search": CrfSearch,
            "scene-search": SceneSearch,
        }
        passes = sum((recipe.passes for name, recipe in named.items() if name in self.rivals), 0.0)
        if REPICKED in self.rivals:
            passes += Repicked.passes * len(self.candidates) * len(self.scopes)
        passes += len(self.objectives) * len(self.scopes)
        return passes * len(self.crfs)

    def judge_of(self, method: str) -> str:
        """The objective by which a method is judged."""
        for each in self.candidates:
            if method in (each.name, repicked(each.name)):
                return each.objective
        named = (objective for objective in self.objectives if method == oracle(objective))
        return next(named, JUDGE)

    def first(self, fitting: Sequence[Line]) -> Iterator[tuple[Line, Recipe]]:
        """What depends on no other encode of a clip; `fitting` are the policies that fit it."""
        for crf in self.crfs:
            yield Line(FIXED), FixedCrf(crf=crf)
            for each in self.candidates:
                for line in fitting:
                    if line.method == each.name:
                        yield line, each.recipe(crf, line.scope)
            if "boost-formula" in self.rivals:
                yield Line("boost-formula"), Boost(crf=crf)
            if self.training is not None:
                for scope in self.scopes:
                    recipe = BySupervised(crf=crf, digest=self.training.digest, scope=scope)
                    yield Line(SUPERVISED, scope), recipe
        if self.objectives:
            for crf in grid_for(self.crfs):
                yield GRID, FixedCrf(crf=crf)

    def second(
        self, clip: Clip, done: Mapping[Line, Points], libraries: Mapping[str, Library]
    ) -> Iterator[tuple[Line, Recipe]]:
        """What goes by what was measured of the clip: fixed CRF at all bases, at the least."""
        for crf, fixed in done[Line(FIXED)].items():
            if "two-pass" in self.rivals:
                yield Line("two-pass"), TwoPass(crf=crf, bytes=fixed.size)
            yield from self._searches(clip, crf, fixed)
        if REPICKED in self.rivals:
            yield from self._repicked(done)
        for name in self.objectives:
            objective = OBJECTIVES[name]
            episode = self.episode(clip, done, objective)
            if episode is None:
                continue
            for scope in self.scopes:
                library = libraries[name] if scope == "library" else None
                for crf in self.crfs:
                    plan = best_plan(episode, crf, objective, library)
                    yield Line(oracle(name), scope), Oracle(crf=crf, plan=plan)

    def episode(
        self, clip: Clip, done: Mapping[Line, Points], objective: Objective
    ) -> Episode | None:
        """A clip as the grid shows it; None where the grid is not complete."""
        crfs = grid_for(self.crfs)
        points = done.get(GRID, {})
        if set(crfs) - set(points):
            return None
        encodes = [points[crf] for crf in crfs]
        unknown = np.full((len(crfs), clip.frames), np.nan, np.float32)
        table = Encodes(
            crfs=np.array(crfs, np.float32),
            bytes=np.array([each.bytes for each in encodes], np.uint32),
            psnr=np.array([each.scores["psnr_y"] for each in encodes], np.float32),
            ssim=np.array([each.scores["ssim_y"] for each in encodes], np.float32),
            reported_psnr=unknown,
            vmaf=unknown,
        )
        size = clip.width, clip.height
        return episode_of(clip.entry.name, size, clip.segments, table, objective.psnr_cap)

    def _repicked(self, done: Mapping[Line, Points]) -> Iterator[tuple[Line, Recipe]]:
        points = done[Line(FIXED)] | done.get(GRID, {})
        known = tuple(sorted((crf, each.size) for crf, each in points.items()))
        for each in self.candidates:
            for scope in self.scopes:
                for crf, made in done.get(Line(each.name, scope), {}).items():
                    recipe = Repicked(crf=crf, bytes=made.size, known=known)
                    yield Line(repicked(each.name), scope), recipe

    def _searches(self, clip: Clip, crf: float, fixed: Measured) -> Iterator[tuple[Line, Recipe]]:
        metric = self.target_metric
        scores = fixed.scores[metric]
        if "crf-search" in self.rivals:
            quality = round(float(scores.mean()), 4)
            yield Line("crf-search"), CrfSearch(crf=crf, metric=metric, quality=quality)
        if "scene-search" in self.rivals:
            # What fixed CRF reached there by the search's own measure, as a mean over frames
            scenes = [scores[start:end] for start, end in pairwise([*clip.shots, clip.frames])]
            reached = sum(statistic(each, metric) * len(each) for each in scenes) / clip.frames
            recipe = SceneSearch(
                crf=crf, metric=metric, quality=round(reached, 4), bounds=bounds_for(self.crfs)
            )
            yield Line("scene-search"), recipe


def repicked(policy: str) -> str:
    """What the re-picked CRF of a policy is called."""
    return f"{REPICKED} {policy}"


def oracle(objective: str) -> str:
    """What the optimum for an objective is called."""
    return ORACLE if objective == JUDGE else f"{ORACLE} {objective}"


def trained(recipe: Recipe, training: Training | None) -> Recipe:
    """A recipe that can be made: the supervised one with its model."""
    if isinstance(recipe, BySupervised) and training is not None:
        return replace(recipe, policy=training.model)
    return recipe
