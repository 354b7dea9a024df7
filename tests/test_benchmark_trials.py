"""What the benchmarks of the agent compute, and that they go on where they were killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from benchmarks import ablation, rivals, trials
from benchmarks.chart import draw_bars
from benchmarks.learners import (
    LEARNERS,
    OPTIMUM,
    PAST,
    Judgement,
    Rates,
    Returns,
    judge,
    rates_of,
    returns_of,
    with_other_pasts,
)
from benchmarks.summary import Mean
from benchmarks.trials import BANDIT, SEQUENTIAL, Archive, Ground, Outcome, Plan, Trial, difference
from rlcodec.analysis import state
from rlcodec.corpus.table import Table
from rlcodec.learn.collection import play
from rlcodec.learn.config import INPUTS_SEEN, AgentConfig
from rlcodec.learn.events import Trained
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.task import draw_held_out, rate_task
from rlcodec.learn.training import Task, train
from tests.tables import clip

BALANCED = OBJECTIVES["balanced"]
TINY = replace(
    BANDIT,
    imagined=0.0,
    hidden=(8,),
    members=2,
    steps=20,
    updates_per_round=10,
    episodes_per_round=2,
    warm_up_rounds=1,
    batch_size=8,
)
PATHS = Path("table.npz"), frozenset[str]()


@pytest.fixture(scope="module")
def table() -> Table:
    lengths = ((30,), (20, 20, 20, 30))
    clips = tuple(clip(seed, lengths[seed % 2], group=f"group {seed // 2}") for seed in range(12))
    return Table(clips, "libx264", "medium", {}, state.VERSION)


@pytest.fixture(scope="module")
def task(table: Table) -> Task:
    found = rate_task(table, BALANCED, draw_held_out(table, 0), TINY)
    # A few of each kind are enough
    return replace(found, validation=(*found.validation[:6], *found.validation[-12:]))


class Here(ThreadPoolExecutor):
    """Stands in for processes, which would take seconds to begin."""

    def __init__(self, workers: int, **_: object) -> None:
        super().__init__(workers)


def earned(returns: Returns) -> dict[str, float]:
    return {
        kind: float(np.mean([sum(title.values()) for title in titles.values()]))
        for kind, titles in returns.items()
    }


def test_an_agent_is_judged_by_what_it_earns_in_its_validation(task: Task) -> None:
    *_, trained = train(task, TINY)
    assert isinstance(trained, Trained)
    found = judge("agent", task, BALANCED, TINY)
    assert earned(found.returns) == pytest.approx(trained.returns, abs=1e-5)
    assert set(found.shuffled) == {"titles", "reels"}
    assert {each.set_name for each in found.rates} == {"reels", "titles", "shots"}
    # Every title once, whatever the number of its base CRFs
    assert len(found.rates) == len({(each.set_name, each.title) for each in found.rates})


def test_no_learner_earns_more_than_the_optimum(task: Task) -> None:
    best = judge(OPTIMUM, task, BALANCED, TINY)
    optima: dict[str, list[float]] = {}
    for case in task.validation:
        optima.setdefault(case.kind, []).append(case.optimum)
    means = {kind: float(np.mean(each)) for kind, each in optima.items()}
    assert earned(best.returns) == pytest.approx(means)
    reels = [each.own("balanced") for each in best.rates if each.set_name == "reels"]
    assert max(reels) < 0
    for name in LEARNERS:
        found = judge(name, task, BALANCED, TINY)
        assert found.returns.keys() == best.returns.keys()
        for kind, titles in best.returns.items():
            for title, groups in titles.items():
                assert sum(found.returns[kind][title].values()) <= sum(groups.values()) + 1e-9
        own = [each.own("balanced") for each in found.rates if each.set_name == "reels"]
        assert np.mean(own) > np.mean(reels)


def test_a_fixed_crf_earns_nothing_and_has_no_bd_rate(task: Task) -> None:
    cases = task.validation

    def stay(states: NDArray[np.float32], _: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.full(len(states), 8)

    played = [each.actions for each in play([case.start for case in cases], stay)]
    assert set(earned(returns_of(cases, played)).values()) == {0.0}
    rates = rates_of(cases, lambda _, episode, __, ___: np.zeros(len(episode.segments)))
    for each in rates:
        assert (each.psnr, each.ssim, each.bytes) == pytest.approx((0, 0, 0))
    judged = judge("rule", task, BALANCED, TINY)
    fixed = Outcome([judged.returns], [], judged.rates).fixed
    assert set(earned(fixed.returns[0]).values()) == {0.0}
    assert fixed.rate_columns("balanced")["titles: worst"] == "+0.00"


def test_pasts_are_dealt_out_anew_among_states_of_one_base_crf() -> None:
    random = np.random.default_rng(1)
    states = random.normal(size=(40, len(INPUTS_SEEN))).astype(np.float32)
    crf = INPUTS_SEEN.index("crf")
    states[:, crf] = np.repeat([22, 28], 20)
    met: list[NDArray[np.float32]] = []

    def note(states: NDArray[np.float32], _: NDArray[np.bool_]) -> NDArray[np.int64]:
        met.extend(states)
        return np.zeros(len(states), np.int64)

    before = states.copy()
    choose = with_other_pasts(note, states, TINY)
    choose(states[:25], np.ones((25, 17), np.bool_))
    choose(states[25:], np.ones((15, 17), np.bool_))
    assert np.array_equal(states, before)
    past = [place for place, name in enumerate(INPUTS_SEEN) if name in PAST]
    rest = [place for place, name in enumerate(INPUTS_SEEN) if name not in PAST]
    found = np.array(met)
    assert np.array_equal(found[:, rest], states[:, rest])
    for rows in (slice(20), slice(20, 40)):
        assert not np.array_equal(found[rows, past], states[rows, past])
        dealt, had = ({tuple(row) for row in each[rows][:, past]} for each in (found, states))
        assert dealt == had
    assert {"previous_offset", "title_log_bpp", "relative_bits"} <= set(PAST)
    assert not set(PAST) & {"crf", "scope", "pixels", "rate", "max_offset", "probe_psnr", "length"}


def returns(**titles: dict[str, float]) -> Returns:
    return {"titles": titles}


def test_differences_are_paired_and_their_intervals_draw_groups() -> None:
    ours = returns(a={"x": 0.05}, b={"x": 0.01}, c={"y": 0.03})
    theirs = returns(a={"x": 0.04}, b={"x": 0.0}, c={"y": 0.02})
    found = difference([ours], [theirs], ("titles",))["titles"]
    assert (found.mean, found.low, found.high) == pytest.approx((1, 1, 1))
    # Two seeds against what has none: the mean over both
    none = returns(a={"x": 0.0}, b={"x": 0.0}, c={"y": 0.0})
    back = difference([none], [ours, theirs], ("titles",))["titles"]
    found = difference([ours, theirs], [none], ("titles",))["titles"]
    assert back.mean == -found.mean
    assert found.mean == pytest.approx((9 + 6) / 6)
    assert (found.low, found.high) == pytest.approx(((5 + 1 + 4 + 0) / 4, (3 + 2) / 2))
    # What a title earns is shared by the groups of its segments
    mixed = difference(
        [returns(a={"x": 0.06, "y": 0.0})], [returns(a={"x": 0, "y": 0})], ["titles"]
    )
    assert (mixed["titles"].mean, mixed["titles"].low, mixed["titles"].high) == (6, 0, 12)


def test_rates_are_judged_by_what_the_objective_names() -> None:
    rates = [
        *(
            Rates("titles", name, psnr, 0.0, 0.0)
            for name, psnr in zip("abc", (-6, -2, 1), strict=True)
        ),
        Rates("shots", "d", -4.0, float("nan"), 0.0),
        Rates("shots", "e", 0.5, -4.0, 0.0),
        *(Rates("reels", name, -5.0, each, 0.0) for name, each in (("f", -1.0), ("g", -2.0))),
    ]
    judged = Outcome([], [], rates)
    assert judged.rate_columns("balanced") == {
        "reels: PSNR": "-5.00",
        "reels: SSIM": "-1.50",
        "titles: median": "-1.00",
        "titles: worst": "+0.50",
        "shots: worst": "-1.75",
    }
    assert judged.rate_columns("ssim")["shots: worst"] == "-4.00"
    assert Outcome([], [], []).rate_columns("psnr")["titles: median"] == "-"


def test_what_is_held_out_is_neither_learned_from_nor_judged_by(
    table: Table, tmp_path: Path
) -> None:
    path = tmp_path / "table.npz"
    table.save(path)
    ground = Ground(path, frozenset({"group 1", "group 3"}), "balanced")
    folds = ground.folds(2)
    assert set().union(*folds) == {f"group {number}" for number in (0, 2, 4, 5)}
    assert {each.group for each in ground.table.clips} == set().union(*folds)
    (one,) = ground.folds(1)
    assert 0 < len(one) < 4
    with pytest.raises(click.UsageError, match="no clip of group nobody"):
        Ground(path, frozenset({"nobody"}), "balanced").folds(2)


def test_every_trial_has_a_key_of_its_own(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    table.save(path)
    plan = Plan(
        Ground(path, frozenset(), "balanced"),
        2,
        (frozenset({"group 0"}), *[frozenset({"group 1"})]),
        20,
    )
    others = [
        replace(plan, ground=replace(plan.ground, objective="psnr")),
        replace(plan, ground=replace(plan.ground, excluded=frozenset({"group 5"}))),
        replace(plan, updates=30),
    ]
    some = [each.trials("agent", TINY) for each in (plan, *others)]
    some += [plan.trials("supervised", TINY), plan.trials("agent", replace(TINY, members=1))]
    keys = [trial.key for each in some for seed in each for trial in seed]
    assert len(keys) == len(set(keys)) == 6 * 4
    assert [trial.config.seed for seed in some[0] for trial in seed] == [0, 0, 1, 1]


def test_trials_go_on_where_they_were_killed(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept = tmp_path / "table.npz", tmp_path / "trials.jsonl"
    table.save(path)
    done: list[str] = []

    def run(trial: Trial) -> Judgement:
        done.append(trial.learner)
        rates = [Rates("reels", "a", -1.0, float("nan"), 2.0)]
        return Judgement({"titles": {"a": {"x": 0.5}}}, {}, rates)

    monkeypatch.setattr("benchmarks.kept.ProcessPoolExecutor", Here)
    monkeypatch.setattr(Trial, "run", run)
    ground = Ground(path, frozenset(), "balanced")
    pair = [(name, Trial(ground, name, TINY, frozenset({"group 0"}))) for name in ("rule", "agent")]
    Archive(kept).do([*pair, pair[0]], 1)
    assert done == ["rule", "agent"]
    lines = kept.read_text("utf-8").splitlines(keepends=True)
    kept.write_text(lines[0] + lines[1][:60], "utf-8")
    Archive(kept).do(pair, 1)
    assert done == ["rule", "agent", "agent"]
    archive = Archive(kept)
    archive.do(pair, 1)
    assert len(done) == 3
    assert archive[pair[1][1]].returns == {"titles": {"a": {"x": 0.5}}}
    assert np.isnan(archive[pair[1][1]].rates[0].ssim)


@pytest.fixture
def measured(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[click.Command], str]:
    """Runs a command with tiny agents, in this process, on titles that are few."""
    path = tmp_path / "table.npz"
    table.save(path)
    (tmp_path / "held out").write_text("group 5\n")
    monkeypatch.setattr("benchmarks.kept.ProcessPoolExecutor", Here)
    monkeypatch.setattr("rlcodec.learn.task._REELS", 2)
    ahead = replace(TINY, gamma=0.5, relative=False)
    learners = {
        name: (learner, ahead if config is SEQUENTIAL else TINY)
        for name, (learner, config) in rivals.LEARNERS.items()
    }
    monkeypatch.setattr(rivals, "LEARNERS", learners)
    monkeypatch.setattr(ablation, "BASES", {"tiny": TINY})
    monkeypatch.setattr(ablation, "CHANGES", {"tiny": {"one member": {"members": 1}}})

    def invoke(command: click.Command) -> str:
        options = ("--seeds", "2", "--folds", "1", "--updates", "20", "--jobs", "1")
        out = ("--held-out", str(tmp_path / "held out"), "--out", str(tmp_path / "out"))
        done = CliRunner().invoke(command, [str(path), *options, *out], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return invoke


def test_rivals_and_ablation_share_what_was_done(
    measured: Callable[[click.Command], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = measured(rivals.rivals)
    for name in ("fixed", "rule", "tabular Q", "supervised", "DQN, gamma 0", "optimum"):
        assert f"\n| {name} |" in shown
    assert "| DQN, gamma 0 minus supervised |" in shown
    assert "past" in shown
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert (results["seeds"], results["folds"], results["objective"]) == (2, 1, "balanced")
    assert len(results["titles"]["supervised"]["returns"]) == 2
    kept = tmp_path / "out/trials.jsonl"
    # Two learners have no seed
    assert len(kept.read_text().splitlines()) == 4 * 2 + 2
    shown = measured(ablation.ablation)
    assert "| tiny | one member |" in shown
    assert len(kept.read_text().splitlines()) == 4 * 2 + 2 + 2
    assert (tmp_path / "out/ablation.png").read_bytes().startswith(b"\x89PNG")
    (found,) = json.loads((tmp_path / "out/results.json").read_text())["differences"]
    assert found["titles"]["low"] <= found["titles"]["high"]
    monkeypatch.setattr(trials, "in_processes", lambda _, jobs, __: iter(jobs))
    assert measured(ablation.ablation) == shown


def test_every_change_is_one_of_its_base_line() -> None:
    assert ablation.BASES.keys() == ablation.CHANGES.keys()
    for base, changes in ablation.CHANGES.items():
        configs = [replace(ablation.BASES[base], **change) for change in changes.values()]
        assert len({*configs, ablation.BASES[base]}) == len(changes) + 1
    alone, relative, probe = (
        set(ablation.CHANGES["gamma 0, the default"][name]["inputs"])
        for name in ("no history", "no relative inputs", "no probe")
    )
    assert not alone & set(PAST)
    assert {"crf", "scope", "probe_psnr", "new_shot"} <= alone
    assert {"title_log_bpp", "previous_offset"} <= relative < set(INPUTS_SEEN)
    assert not any("bpp" in name or "bits" in name or "psnr" in name for name in probe)
    assert (BANDIT.gamma, SEQUENTIAL.gamma, SEQUENTIAL.relative) == (0, 0.5, False)
    # Nothing is chosen by the titles that judge
    assert BANDIT.validation_interval * BANDIT.updates_per_round > BANDIT.steps
    assert replace(BANDIT, validation_interval=5) == AgentConfig()


@pytest.mark.parametrize("count", [1, 3])
def test_bars_are_drawn_for_any_number_of_names(tmp_path: Path, count: int) -> None:
    bars: Sequence[dict[str, Mean]] = [
        {f"name {number}": Mean(each, each - 1, each + 1) for number in range(count)}
        for each in (-1.5, 2.0)
    ]
    panels = {"one": dict(zip("ab", bars, strict=True)), "other": {"c": bars[0]}}
    draw_bars("all", "%", panels, tmp_path / "bars.png")
    assert (tmp_path / "bars.png").stat().st_size > 1000
