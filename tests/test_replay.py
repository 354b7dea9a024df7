"""Replay: n-step returns against their definition, and what is drawn how often."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlcodec.learn.replay import (
    ReplayBuffer,
    Scales,
    Trajectory,
    Transitions,
    measure_scales,
)

INPUTS, ACTIONS, MEMBERS = 4, 3, 2
UNITS = Scales(np.zeros(INPUTS, np.float32), np.ones(INPUTS, np.float32), 1.0, np.ones(3, "f4"))


def episode(steps: int, *, seed: int = 0, terminated: bool = True) -> Trajectory:
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return Trajectory(
        states=drawn(steps + 1, INPUTS),
        actions=rng.integers(ACTIONS, size=steps),
        allowed=np.ones((steps, ACTIONS), np.bool_),
        rewards=drawn(steps, ACTIONS),
        next_states=drawn(steps, ACTIONS, INPUTS),
        auxiliary=drawn(steps, 3, ACTIONS),
        weights=np.ones((steps, MEMBERS), np.float32),
        terminated=terminated,
    )


def numbered(count: int) -> Transitions:
    """Transitions that can be told apart by their action."""
    whole = episode(count).transitions(UNITS, n_step=1, gamma=0.5)
    return dataclasses.replace(whole, actions=np.arange(count))


@given(
    steps=st.integers(1, 8),
    n_step=st.integers(1, 5),
    gamma=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    terminated=st.booleans(),
    seed=st.integers(0, 100),
)
def test_n_step_returns_are_what_their_definition_says(
    steps: int, n_step: int, gamma: float, terminated: bool, seed: int
) -> None:
    played = episode(steps, seed=seed, terminated=terminated)
    made = played.transitions(UNITS, n_step=n_step, gamma=gamma)
    for now in range(steps):
        total, discount, place = 0.0, 1.0, now
        while place < steps and place < now + n_step:
            total += discount * float(played.rewards[place, played.actions[place]])
            discount *= gamma
            place += 1
        over = terminated and place == steps
        assert made.n_returns[now] == pytest.approx(total, abs=1e-5)
        assert made.n_discounts[now] == pytest.approx(0.0 if over else discount)
        assert np.array_equal(made.n_states[now], played.states[place])
        last = terminated and now == steps - 1
        assert made.discounts[now] == pytest.approx(0.0 if last else gamma)


def test_what_is_learned_is_in_units_of_the_measured_scales() -> None:
    played = [episode(50, seed=seed) for seed in range(20)]
    scales = measure_scales(played)
    made = [each.transitions(scales, n_step=1, gamma=1.0) for each in played]
    rewards = np.concatenate([each.rewards for each in made])
    auxiliary = np.concatenate([each.auxiliary for each in made])
    states = np.concatenate([each.states for each in made])
    assert rewards.std() == pytest.approx(1, rel=1e-3)
    assert auxiliary.std((0, 2)) == pytest.approx(np.ones(3), rel=1e-3)
    assert (states - scales.input_mean).mean(0) == pytest.approx(np.zeros(INPUTS), abs=1e-4)
    assert states.std(0) == pytest.approx(scales.input_scale, rel=1e-3)


def test_relative_rewards_are_in_units_of_what_there_is_to_win() -> None:
    played = episode(30)
    played.rewards[:, 0] = 0.0
    played.allowed[::2, 1] = False
    played.rewards[5] = 0.0
    told = played.relative
    for step, rewards in enumerate(played.rewards):
        allowed = rewards[played.allowed[step]]
        unit = max(allowed.max(), np.median(abs(allowed)) / 4, 1e-9)
        expected = [max(-3.0, each / unit) for each in rewards]
        assert told.rewards[step] == pytest.approx(expected, rel=1e-5)
        assert told.rewards[step][played.allowed[step]].max() <= 1 + 1e-6
    assert told.rewards.dtype == np.float32
    assert np.array_equal(told.states, played.states)
    assert np.array_equal(told.rewards.argmax(1), played.rewards.argmax(1))


def test_an_input_that_never_moved_says_nothing_when_it_moves_later() -> None:
    played = episode(999)
    # Of which a mean in float32 is off by some digits
    played.states[:, 2] = np.log2(640 * 360)
    scales = measure_scales([played])
    assert (20.0 - scales.input_mean[2]) / scales.input_scale[2] == pytest.approx(0, abs=1e-3)


@given(size=st.integers(1, 12), batches=st.lists(st.integers(1, 15), min_size=1, max_size=6))
def test_the_buffer_holds_the_last_transitions(size: int, batches: list[int]) -> None:
    buffer = ReplayBuffer(size, exponent=0.0)
    whole = numbered(sum(batches))
    begin = 0
    for count in batches:
        rows = {name: each[begin : begin + count] for name, each in whole.arrays().items()}
        buffer.add(Transitions(**rows))
        begin += count
    assert len(buffer) == min(size, begin)
    drawn = buffer.sample((1, 2000), beta=1.0, rng=np.random.default_rng(0)).transitions
    assert set(drawn.actions.ravel()) == set(range(max(0, begin - size), begin))
    assert np.array_equal(drawn.states[0], whole.states[drawn.actions[0]])


def test_drawing_follows_priorities_and_weights_undo_it() -> None:
    buffer = ReplayBuffer(4, exponent=0.5)
    buffer.add(numbered(4))
    errors = np.array([0.1, 0.4, 0.9, 1.6], np.float32)
    buffer.update_priorities(np.arange(4), errors)
    batch = buffer.sample((2, 50_000), beta=1.0, rng=np.random.default_rng(1))
    shares = np.bincount(batch.indices.ravel(), minlength=4) / batch.indices.size
    # P(i) = p_i^alpha / sum p^alpha with alpha 1/2, and w_i = (N P(i))^-1 by the highest of them
    expected = np.sqrt(errors + 1e-3) / np.sqrt(errors + 1e-3).sum()
    assert shares == pytest.approx(expected, abs=0.01)
    weights = {int(i): w for i, w in zip(batch.indices[0], batch.importance[0], strict=True)}
    for each in range(4):
        assert weights[each] == pytest.approx(expected[0] / expected[each], rel=1e-4)


def test_without_priorities_all_are_drawn_alike_and_weigh_1() -> None:
    buffer = ReplayBuffer(4, exponent=0.0)
    buffer.add(numbered(4))
    buffer.update_priorities(np.arange(4), np.array([0, 0, 0, 100], np.float32))
    batch = buffer.sample((2, 20_000), beta=0.4, rng=np.random.default_rng(1))
    shares = np.bincount(batch.indices.ravel(), minlength=4) / batch.indices.size
    assert shares == pytest.approx(np.full(4, 0.25), abs=0.01)
    assert (batch.importance == 1).all()


def test_what_is_new_is_drawn_as_the_most_surprising() -> None:
    buffer = ReplayBuffer(10, exponent=1.0)
    buffer.add(numbered(2))
    buffer.update_priorities(np.arange(2), np.array([5.0, 0.0], np.float32))
    buffer.add(numbered(1))
    batch = buffer.sample((1, 20_000), beta=0.0, rng=np.random.default_rng(1))
    shares = np.bincount(batch.indices.ravel(), minlength=3) / batch.indices.size
    assert shares == pytest.approx([0.5, 0, 0.5], abs=0.02)


@pytest.mark.parametrize("count", [3, 7, 12])
def test_a_restored_buffer_goes_on_as_the_first_one(count: int) -> None:
    def grown() -> ReplayBuffer:
        buffer = ReplayBuffer(7, exponent=0.6)
        buffer.add(numbered(count))
        buffer.update_priorities(np.arange(3), np.array([3, 2, 1], np.float32))
        return buffer

    first, second = grown(), ReplayBuffer(7, exponent=0.6)
    # Which holds what came before training already
    second.add(numbered(4))
    second.restore(first.state())
    for buffer in (first, second):
        buffer.add(numbered(2))
    one, other = (
        buffer.sample((2, 50), beta=0.5, rng=np.random.default_rng(3)) for buffer in (first, second)
    )
    assert np.array_equal(one.indices, other.indices)
    assert np.array_equal(one.importance, other.importance)
    for name, rows in one.transitions.arrays().items():
        assert np.array_equal(rows, other.transitions.arrays()[name]), name
