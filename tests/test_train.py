"""`rlcodec train`: a table in, a policy out that transcodes, and everything that is kept beside."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rlcodec.analysis import state
from rlcodec.corpus.table import Table
from rlcodec.errors import InputError, OutputExistsError, SettingsError
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episodes
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.optimum import optimum
from rlcodec.learn.playback import replay
from rlcodec.learn.recipe import presets_for, train_policy
from rlcodec.learn.rivals import ChoosingPolicy, train_table
from rlcodec.learn.stakes import OFFSETS
from rlcodec.learn.supervised import train_supervised
from rlcodec.learn.task import draw_held_out, rate_task, read_held_out
from rlcodec.learn.training import returns_of
from rlcodec.policy.file import load
from rlcodec.policy.learned import Learned
from rlcodec.settings import PRESETS
from tests.clips import moving
from tests.conftest import Command
from tests.doors import SMALL, task
from tests.encodes import encode
from tests.tables import clip

QUICK = """
imagined = 0.5
hidden = [16]
members = 2
steps = 60
episodes_per_round = 4
updates_per_round = 20
warm_up_rounds = 1
batch_size = 16
validation_interval = 1
"""
MEASURED = AgentConfig(imagined=0.0)


@pytest.fixture(scope="module")
def table() -> Table:
    clips = tuple(clip(seed, (30, 40), group=f"group {seed // 2}") for seed in range(8))
    return Table(clips, "libx264", "medium", {}, state.VERSION)


@pytest.fixture
def store(tmp_path: Path, table: Table) -> Path:
    table.save(tmp_path / "table.npz")
    (tmp_path / "quick.toml").write_text(QUICK)
    return tmp_path / "table.npz"


def test_a_policy_is_trained_and_written_with_what_belongs_to_it(
    rlcodec: Command, store: Path, tmp_path: Path, table: Table
) -> None:
    choices = ("-o", "mine.safetensors", "--config", "quick.toml", "--seed", "3")
    done = rlcodec("train", store, *choices)
    assert done.returncode == 0, done.stderr
    assert "update" in done.stderr
    assert done.stdout.startswith("mine.safetensors: the policy after ")
    policy = load(tmp_path / "mine.safetensors")
    facts = policy.facts
    assert (facts.name, facts.objective, facts.seed) == ("mine", "balanced", 3)
    assert facts.corpus_digest == table.digest
    assert facts.pixels_range == (640 * 360 / 10, 640 * 360 * 10)
    assert {"veryfast", "medium", "veryslow"} < set(facts.presets)
    assert {"validation titles", "validation library, optimum"} <= set(facts.scores)
    rows = [json.loads(line) for line in (tmp_path / "mine.log.jsonl").read_text().splitlines()]
    assert [row["type"] for row in rows] == [*["learned", "validated"] * 3, "trained"]
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "mine.checkpoint").exists()
    episode = Episodes(table.clips).title(0)
    offsets = replay(Learned(policy), episode, 28.0, "title")
    assert np.isfinite(offsets).all()
    with pytest.raises(OutputExistsError):
        next(train_policy(table, tmp_path / "mine.safetensors", OBJECTIVES["psnr"], AgentConfig()))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_policy_fits_the_presets_of_x264_that_put_their_bits_alike(preset: str) -> None:
    first = encode("libx264", moving(3, width=64, height=48), crf=23, preset=preset).payload[0]
    # As x264 says them itself
    said = dict(re.findall(rb"(\w+)=(\d+)", first))
    alike = said[b"mbtree"] == said[b"aq"] == b"1" and int(said[b"bframes"]) <= 8
    assert not alike or int(said[b"rc_lookahead"]) >= 10
    fits = presets_for("libx264", preset)
    assert preset in fits
    assert ("medium" in fits) == (preset in presets_for("libx264", "medium")) == alike
    assert presets_for("libx265", preset) == (preset,)


def test_a_stopped_run_is_resumed_to_the_same_policy(
    rlcodec: Command, store: Path, tmp_path: Path
) -> None:
    config = AgentConfig(**tomllib.loads(QUICK))
    whole, output = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    # As the file has it: what is in memory is not rounded yet
    table = Table.load(store)
    assert list(train_policy(table, whole, OBJECTIVES["balanced"], config))
    for event in train_policy(table, output, OBJECTIVES["balanced"], config):
        if event.step == 40:
            break
    assert not output.exists()
    done = rlcodec("train", store, "-o", output, "--config", "quick.toml", "--resume")
    assert done.returncode == 0, done.stderr
    assert "going on after update 20" in done.stderr
    first, second = load(whole), load(output)
    for name, tensor in first.network.tensors.items():
        assert np.array_equal(tensor, second.network.tensors[name]), name


def test_an_objective_that_is_not_known_is_refused(
    rlcodec: Command, store: Path, tmp_path: Path
) -> None:
    done = rlcodec("train", store, "-o", "mine.safetensors", "--objective", "beauty")
    assert done.returncode == 2
    assert "'beauty' is not known" in done.stderr
    assert not (tmp_path / "mine.safetensors").exists()


def test_groups_to_hold_out_are_read_and_must_be_there(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "groups.txt"
    with pytest.raises(InputError, match=r"groups\.txt"):
        read_held_out(path)
    path.write_text("group 1\n\n nobody \n")
    assert read_held_out(path) == {"group 1", "nobody"}
    with pytest.raises(SettingsError, match="group nobody"):
        rate_task(table, OBJECTIVES["psnr"], read_held_out(path), MEASURED)


def test_a_source_on_both_sides_of_the_split_is_refused(table: Table) -> None:
    # The same video under another name, in a group of its own
    twin = clip(0, (30, 40), group="elsewhere")
    both = Table((*table.clips, twin), "libx264", "medium", {}, state.VERSION)
    with pytest.raises(SettingsError, match="both sides"):
        rate_task(both, OBJECTIVES["psnr"], frozenset({"elsewhere"}), MEASURED)


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (slice(4, None), "at 8 CRFs from 24 to 45"),
        (slice(None, 8), "at 8 CRFs from 12 to 33"),
        (slice(None, None, 5), "at 3 CRFs from 12 to 42"),
    ],
)
def test_a_clip_that_was_encoded_at_too_few_crfs_is_named(
    table: Table, kept: slice, says: str
) -> None:
    names = ("crfs", "bytes", "psnr", "ssim", "reported_psnr")
    first, *others = table.clips
    few = dataclasses.replace(first, **{name: getattr(first, name)[kept] for name in names})
    narrow = Table((few, *others), "libx264", "medium", {}, state.VERSION)
    with pytest.raises(SettingsError, match=f"{first.name} was encoded {says}.*span 18 to 38"):
        rate_task(narrow, OBJECTIVES["psnr"], frozenset({"group 1"}), MEASURED)


def test_what_is_learned_from_is_imagined_and_what_judges_is_measured(table: Table) -> None:
    config = AgentConfig(imagined=1.0, inputs=("crf", "probe_log_bpp"))
    made = rate_task(table, OBJECTIVES["psnr"], draw_held_out(table, 0), config)

    def is_measured(environment: object) -> bool:
        # The clips have it that the encoder says a little less than there is
        assert isinstance(environment, RateEnv)
        outcome = environment.stakes.outcome
        return bool((outcome.reported_psnr < outcome.psnr - 0.1).all())

    learning = made.environment()
    assert learning.reset(seed=1)[0].shape == (2,)
    assert not is_measured(learning)
    for case in made.validation:
        case.start.environment.reset(options=case.start.options)
        assert is_measured(case.start.environment)
    measured = rate_task(table, OBJECTIVES["psnr"], draw_held_out(table, 0), MEASURED)
    learning = measured.environment()
    learning.reset(seed=1)
    assert is_measured(learning)


def test_a_fifth_of_the_groups_is_held_out_whole(table: Table) -> None:
    judges = draw_held_out(table, 0)
    assert len(judges) == 1
    assert judges == draw_held_out(table, 0)
    assert len({draw_held_out(table, seed) for seed in range(20)}) > 1


@pytest.mark.parametrize("missing", ["torch", "gymnasium"])
def test_training_without_its_libraries_says_what_to_install(
    rlcodec: Command, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    # A module of this name that is found first
    (tmp_path / f"{missing}.py").write_text(f"raise ImportError('gone', name={missing!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    done = rlcodec("train", store, "-o", "mine.safetensors")
    assert done.returncode == 2
    assert done.stderr == (
        f"rlcodec: error: training needs {missing}, which is not installed: "
        "pip install 'rlcodec[train]'\n"
    )


def test_tabular_q_learning_finds_the_best_policy_where_memory_is_needed() -> None:
    doors = task()
    config = dataclasses.replace(SMALL, updates_per_round=10)
    found = train_table(doors, config, columns=(0, 1, 2))
    assert returns_of(doors.validation, found.choose) == pytest.approx([0.9, 0.9])
    bandit = train_table(doors, dataclasses.replace(config, gamma=0.0), columns=(0, 1, 2))
    assert returns_of(doors.validation, bandit.choose).mean() <= 1e-6


def test_the_supervised_rival_earns_most_of_the_optimum_on_what_it_learned(table: Table) -> None:
    objective = OBJECTIVES["balanced"]
    config = AgentConfig(
        imagined=0.0,
        hindsight=True,
        inputs=tuple(each.name for each in state.INPUTS),
        hidden=(32,),
        members=2,
        steps=300,
        updates_per_round=100,
        episodes_per_round=10,
        dropout=0.0,
    )
    learned = rate_task(table, objective, draw_held_out(table, 0), config)
    environment = learned.environment()
    assert isinstance(environment, RateEnv)
    model, returns = train_supervised(learned, environment, objective, config)
    assert len(returns) == len(learned.validation)
    policy = ChoosingPolicy("supervised", model.choose, OFFSETS, config.inputs)
    earned, best = 0.0, 0.0
    for seed in range(4):
        state_, _ = environment.reset(seed=seed, options={"crf": 28.0, "scope": "library"})
        odds, over = environment.stakes, False
        best += optimum(odds).earned
        while not over:
            action = model.choose(state_[None], odds.allowed[None])[0]
            assert policy.decide(state.State(state_)).offset == OFFSETS[action]
            state_, reward, over, _, _ = environment.step(action)
            earned += reward
    assert earned > 0.5 * best


def test_a_rival_sees_the_inputs_that_it_was_trained_on_and_no_others() -> None:
    inputs = ("crf", "max_offset", "length")
    values = np.arange(len(state.INPUT_NAMES), dtype=np.float32)
    seen = []

    def choose(states: NDArray[np.float32], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        seen.append((states, allowed))
        return np.array([2])

    policy = ChoosingPolicy("rival", choose, OFFSETS, inputs)
    assert policy.decide(state.State(values)).offset == OFFSETS[2]
    ((states, allowed),) = seen
    assert states.tolist() == [[float(state.INPUT_NAMES.index(name)) for name in inputs]]
    assert allowed.shape == (1, len(OFFSETS))
