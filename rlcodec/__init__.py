"""A video encoder that decides for itself: the CRF of every shot, inside one running encode."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rlcodec.version import __version__

if TYPE_CHECKING:
    from rlcodec.benchmark.reading import read_results
    from rlcodec.benchmark.results import Results
    from rlcodec.benchmark.run import run_benchmark
    from rlcodec.corpus.collect import Collection, add_videos
    from rlcodec.corpus.info import corpus_info
    from rlcodec.corpus.manifest import Entry
    from rlcodec.corpus.reading import load_table
    from rlcodec.corpus.table import Table
    from rlcodec.engine.batch import (
        Batch,
        BatchEvent,
        FileFailed,
        FileFinished,
        FileStarted,
        transcode_all,
    )
    from rlcodec.engine.compare import compare
    from rlcodec.engine.comparison import Comparison, MetricScores, ShotScore
    from rlcodec.engine.plan import plan
    from rlcodec.engine.plugin import AdaptiveStream, add_adaptive_stream
    from rlcodec.engine.result import Result
    from rlcodec.engine.transcode import transcode
    from rlcodec.errors import (
        EncodeError,
        InputError,
        OffsetError,
        OutputError,
        OutputExistsError,
        PlanError,
        PolicyError,
        RlcodecError,
        SettingsError,
        StoreError,
    )
    from rlcodec.events import (
        Benchmarking,
        Checking,
        Collecting,
        Comparing,
        Event,
        Notice,
        Progress,
        Reporting,
        SegmentDecided,
        SegmentEncoded,
        Started,
    )
    from rlcodec.learn.config import AgentConfig
    from rlcodec.learn.events import Trained, Validated
    from rlcodec.learn.objective import OBJECTIVES, Objective
    from rlcodec.learn.recipe import train_policy
    from rlcodec.plans.reading import load_plan
    from rlcodec.plans.record import Plan, PlannedInput, PlannedSegment
    from rlcodec.policy.export import export_policy
    from rlcodec.policy.facts import PolicyFacts
    from rlcodec.policy.file import PolicyFile
    from rlcodec.policy.shipped import load_policy, policies
    from rlcodec.report.benchmark import benchmark_page
    from rlcodec.report.comparison import comparison_page
    from rlcodec.report.transcode import transcode_page
    from rlcodec.settings import Settings

__all__ = [
    "OBJECTIVES",
    "AdaptiveStream",
    "AgentConfig",
    "Batch",
    "BatchEvent",
    "Benchmarking",
    "Checking",
    "Collecting",
    "Collection",
    "Comparing",
    "Comparison",
    "EncodeError",
    "Entry",
    "Event",
    "FileFailed",
    "FileFinished",
    "FileStarted",
    "InputError",
    "MetricScores",
    "Notice",
    "Objective",
    "OffsetError",
    "OutputError",
    "OutputExistsError",
    "Plan",
    "PlanError",
    "PlannedInput",
    "PlannedSegment",
    "PolicyError",
    "PolicyFacts",
    "PolicyFile",
    "Progress",
    "Reporting",
    "Result",
    "Results",
    "RlcodecError",
    "SegmentDecided",
    "SegmentEncoded",
    "Settings",
    "SettingsError",
    "ShotScore",
    "Started",
    "StoreError",
    "Table",
    "Trained",
    "Validated",
    "__version__",
    "add_adaptive_stream",
    "add_videos",
    "benchmark_page",
    "compare",
    "comparison_page",
    "corpus_info",
    "export_policy",
    "load_plan",
    "load_policy",
    "load_table",
    "plan",
    "policies",
    "read_results",
    "run_benchmark",
    "train_policy",
    "transcode",
    "transcode_all",
    "transcode_page",
]

# Where each name lives. FFmpeg's libraries take a quarter of a second to load: they are loaded when
# something is used, not when rlcodec is imported.
_HOMES = {
    "rlcodec.benchmark.reading": ("read_results",),
    "rlcodec.benchmark.results": ("Results",),
    "rlcodec.benchmark.run": ("run_benchmark",),
    "rlcodec.corpus.collect": ("Collection", "add_videos"),
    "rlcodec.corpus.info": ("corpus_info",),
    "rlcodec.corpus.manifest": ("Entry",),
    "rlcodec.corpus.reading": ("load_table",),
    "rlcodec.corpus.table": ("Table",),
    "rlcodec.engine.batch": (
        "Batch",
        "BatchEvent",
        "FileFailed",
        "FileFinished",
        "FileStarted",
        "transcode_all",
    ),
    "rlcodec.engine.plan": ("plan",),
    "rlcodec.engine.compare": ("compare",),
    "rlcodec.engine.comparison": ("Comparison", "MetricScores", "ShotScore"),
    "rlcodec.engine.plugin": ("AdaptiveStream", "add_adaptive_stream"),
    "rlcodec.engine.result": ("Result",),
    "rlcodec.engine.transcode": ("transcode",),
    "rlcodec.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "rlcodec.events": (
        "Benchmarking",
        "Checking",
        "Collecting",
        "Comparing",
        "Event",
        "Notice",
        "Progress",
        "Reporting",
        "SegmentDecided",
        "SegmentEncoded",
        "Started",
    ),
    "rlcodec.learn.config": ("AgentConfig",),
    "rlcodec.learn.events": ("Trained", "Validated"),
    "rlcodec.learn.objective": ("OBJECTIVES", "Objective"),
    "rlcodec.learn.recipe": ("train_policy",),
    "rlcodec.plans.reading": ("load_plan",),
    "rlcodec.plans.record": ("Plan", "PlannedInput", "PlannedSegment"),
    "rlcodec.policy.export": ("export_policy",),
    "rlcodec.policy.facts": ("PolicyFacts",),
    "rlcodec.policy.file": ("PolicyFile",),
    "rlcodec.policy.shipped": ("load_policy", "policies"),
    "rlcodec.report.benchmark": ("benchmark_page",),
    "rlcodec.report.comparison": ("comparison_page",),
    "rlcodec.report.transcode": ("transcode_page",),
    "rlcodec.settings": ("Settings",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
