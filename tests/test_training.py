"""Training as a whole: it solves what has a known answer, repeats itself, and can be stopped."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from rlcodec.errors import InputError, SettingsError
from rlcodec.learn.checkpoint import read_checkpoint
from rlcodec.learn.config import AgentConfig, load_config
from rlcodec.learn.events import Resumed, Trained, TrainingEvent, Validated
from rlcodec.learn.records import draw_curve, read_log, recorded
from rlcodec.learn.training import train
from rlcodec.policy.network import Network
from tests.doors import PRICE, SMALL, Doors, task

SHORT = dataclasses.replace(SMALL, steps=300)


def last(events: Sequence[TrainingEvent]) -> Trained:
    assert isinstance(events[-1], Trained)
    return events[-1]


def same(one: Trained, other: Trained) -> bool:
    return all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        dataclasses.replace(SMALL, n_step=2, all_actions=False, prioritised=True),
        dataclasses.replace(SMALL, double=False, dueling=False, auxiliary=0.0),
        dataclasses.replace(SMALL, exploration="softmax", temperature=0.3),
    ],
    ids=["all", "n-step prioritised", "plain", "softmax"],
)
def test_an_agent_finds_the_best_policy_where_memory_is_needed(config: AgentConfig) -> None:
    trained = last(list(train(task(), config)))
    assert trained.returns == pytest.approx({"left": 1 - PRICE, "right": 1 - PRICE})
    assert trained.mean_return == pytest.approx(trained.optimum)


def test_without_memory_nothing_can_be_won() -> None:
    trained = last(list(train(task(memory=False), SHORT)))
    assert trained.mean_return <= 1e-6


def test_a_bandit_does_not_pay_for_what_helps_later() -> None:
    trained = last(list(train(task(), dataclasses.replace(SHORT, gamma=0.0))))
    assert trained.mean_return <= 1e-6


def test_relative_rewards_are_what_is_learned() -> None:
    config = dataclasses.replace(SHORT, gamma=0.0, relative=True, validation_interval=6)
    network = Network(last(list(train(task(), config))).tensors, (-1.0, 0.0, 1.0))
    state, _ = Doors().reset(options={"side": 1.0})
    # Nothing can be won in the first step, and so the price of looking is far below, however small
    assert network.q_values(state) == pytest.approx([0, -3, 0], abs=0.3)


def test_the_tensors_act_as_the_policy_did() -> None:
    # Validated once, at the end: the first policy that wins knows no exact values yet
    trained = last(list(train(task(), dataclasses.replace(SMALL, validation_interval=12))))
    network = Network(trained.tensors, (-1.0, 0.0, 1.0))
    earned = []
    for side in (-1.0, 1.0):
        doors, total, over = Doors(), 0.0, False
        state, _ = doors.reset(options={"side": side})
        while not over:
            state, reward, over, _, _ = doors.step(int(network.q_values(state).argmax()))
            total += reward
        earned.append(total)
    assert earned == pytest.approx(list(trained.returns.values()))
    # In units of the return, not of what was learned
    state, _ = Doors().reset(options={"side": 1.0})
    assert network.q_values(state).max() == pytest.approx(1 - PRICE, abs=0.1)


def test_the_same_seed_gives_the_same_policy_and_another_one_another() -> None:
    noisy = dataclasses.replace(SHORT, dropout=0.1, input_noise=0.1, prioritised=True)
    first, second = (last(list(train(task(), noisy))) for _ in range(2))
    assert same(first, second)
    assert not same(first, last(list(train(task(), dataclasses.replace(noisy, seed=1)))))


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    config = dataclasses.replace(
        SHORT, dropout=0.1, input_noise=0.1, prioritised=True, bootstrap=True, n_step=2
    )
    path, log = tmp_path / "run.checkpoint", tmp_path / "run.jsonl"
    whole = last(list(recorded(train(task(), config), tmp_path / "whole.jsonl")))
    for event in recorded(train(task(), config, checkpoint=path), log):
        # Dropped a round after the second checkpoint, which is then lost
        if event.step == 250:
            break
    resumed = list(recorded(train(task(), config, checkpoint=path, resume=True), log))
    assert resumed[0] == Resumed(200)
    assert same(whole, last(resumed))
    assert read_log(log) == read_log(tmp_path / "whole.jsonl")


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    with pytest.raises(InputError, match="no checkpoint"):
        next(train(task(), SHORT, checkpoint=path, resume=True))
    path.write_bytes(b"no checkpoint at all")
    with pytest.raises(InputError, match="is not a checkpoint"):
        next(train(task(), SHORT, checkpoint=path, resume=True))
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(InputError, match="is not a checkpoint"):
        next(train(task(), SHORT, checkpoint=path, resume=True))
    for event in train(task(), SHORT, checkpoint=path):
        if isinstance(event, Validated) and event.step > 100:
            break
    other = dataclasses.replace(SHORT, gamma=0.3)
    with pytest.raises(SettingsError, match="gamma"):
        next(train(task(), other, checkpoint=path, resume=True))
    with pytest.raises(SettingsError, match="another run"):
        read_checkpoint(path, "windows", SHORT)


def test_training_stops_when_validation_does_not_rise() -> None:
    config = dataclasses.replace(SMALL, steps=5000, patience=2)
    events = list(train(task(), config))
    validations = [each for each in events if isinstance(each, Validated)]
    assert [each.best for each in validations[-3:]] == [True, False, False]
    assert last(events).best_step == validations[-3].step < last(events).step < 5000


def test_what_is_kept_is_the_best_and_not_the_last() -> None:
    events = list(train(task(), SHORT))
    validations = [each for each in events if isinstance(each, Validated)]
    best = max(validations, key=lambda each: each.mean_return)
    assert last(events).mean_return == best.mean_return
    assert last(events).best_step == best.step


def test_a_run_leaves_a_log_and_a_picture(tmp_path: Path) -> None:
    log, picture = tmp_path / "run.jsonl", tmp_path / "run.png"
    events = list(recorded(train(task(), SHORT), log))
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["type"] for row in rows] == [type(each).__name__.lower() for each in events]
    assert [row["step"] for row in rows] == [each.step for each in events]
    assert rows[-1]["returns"] == last(events).returns
    assert draw_curve(log, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_run_is_on_the_board_where_that_is_installed(tmp_path: Path) -> None:
    board = tmp_path / "board"
    events = recorded(train(task(), SHORT), tmp_path / "run.jsonl", board)
    next(events)
    if importlib.util.find_spec("tensorboard") is None:
        assert not board.exists()
    else:
        assert list(board.glob("events.*"))


def test_a_config_file_sets_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("hidden = [32, 16]\ngamma = 1\ndouble = false\n")
    expected = AgentConfig(hidden=(32, 16), gamma=1, double=False, seed=4)
    assert load_config(path, seed=4) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gama = 0.5", "gama"),
        ("gamma = 1.5", "gamma"),
        ("gamma = true", "gamma"),
        ("double = 1", "double"),
        ("hidden = [0]", "hidden"),
        ("hidden = 64", "hidden"),
        ("exploration = 'hope'", "exploration"),
        ("steps = 0", "steps"),
    ],
)
def test_a_wrong_config_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=named):
        load_config(path)


def test_a_config_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("gamma: 1")
    with pytest.raises(InputError, match="TOML"):
        load_config(path)
