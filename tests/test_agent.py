"""The agent's equations, one by one, against sums done by hand; and each switch of its config."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from rlcodec.learn.agent import Agent
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.networks import QNetwork
from rlcodec.learn.replay import Batch, Scales, Transitions
from rlcodec.policy.network import Network

GAMMA = 0.5
PLAIN = AgentConfig(
    hidden=(6,),
    members=2,
    dueling=False,
    double=False,
    all_actions=False,
    auxiliary=0.0,
    gamma=GAMMA,
    dropout=0.0,
    input_noise=0.0,
)
SCALES = Scales(
    np.array([1, -2], np.float32),
    np.array([2, 0.5], np.float32),
    0.25,
    np.array([2, 3, 0.1], np.float32),
)


def agent(**changes: Any) -> Agent:  # noqa: ANN401 # any field of the config
    made = Agent(3, SCALES, dataclasses.replace(PLAIN, **changes))
    # Not the copy that it starts with: online and target must be told apart
    with torch.no_grad():
        for parameter in made.target.parameters():
            parameter.mul_(-1.3)
    return made


def transitions(
    members: int = 2, batch: int = 5, *, inputs: int = 2, actions: int = 3
) -> Transitions:
    rng = np.random.default_rng(8)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=(members, batch, *shape)).astype(np.float32)

    allowed = np.ones((members, batch, actions), np.bool_)
    allowed[:, 1, 2] = False
    discounts = np.full((members, batch), GAMMA, np.float32)
    discounts[:, 0] = 0
    return Transitions(
        states=drawn(inputs),
        actions=rng.integers(2, size=(members, batch)),
        allowed=allowed,
        rewards=drawn(actions),
        next_states=drawn(actions, inputs),
        discounts=discounts,
        n_returns=drawn(),
        n_states=drawn(inputs),
        n_discounts=discounts**2,
        auxiliary=drawn(3, actions),
        weights=np.ones((members, batch, members), np.float32),
    )


def batch(of: Transitions) -> Batch:
    shape = of.actions.shape
    return Batch(of, np.arange(of.actions.size).reshape(shape), np.ones(shape, np.float32))


def q(network: QNetwork, state: np.ndarray, member: int) -> np.ndarray:
    """Q of one member in one state, by numpy and from the definition."""
    tensors = {name: each.detach().numpy()[member] for name, each in network.named_parameters()}
    x = np.clip((state - SCALES.input_mean) / SCALES.input_scale, -5, 5)
    hidden = np.maximum(tensors["hidden.0.weight"] @ x + tensors["hidden.0.bias"], 0)
    if "q.weight" in tensors:
        return np.asarray(tensors["q.weight"] @ hidden + tensors["q.bias"])
    value = tensors["value.weight"] @ hidden + tensors["value.bias"]
    advantage = tensors["advantage.weight"] @ hidden + tensors["advantage.bias"]
    return np.asarray(value + advantage - advantage.mean())


def value(of: Agent, state: np.ndarray, allowed: np.ndarray, member: int, *, double: bool) -> float:
    """What a target adds for the state that follows, from the papers' equations."""
    rated = q(of.target, state, member)
    picked = q(of.online, state, member) if double else rated
    return float(rated[np.argmax(np.where(allowed, picked, -np.inf))])


def each_place(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return ((e, b) for e in range(shape[0]) for b in range(shape[1]))


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("all_actions", [False, True])
def test_targets_are_what_the_papers_say(*, double: bool, dueling: bool, all_actions: bool) -> None:
    learner = agent(double=double, dueling=dueling, all_actions=all_actions)
    drawn = transitions()
    targets, counts = learner.targets(drawn)
    for e, b in each_place(drawn.actions.shape):
        allowed = drawn.allowed[e, b]
        for action in range(3):
            taken = action == drawn.actions[e, b]
            assert counts[e, b, action] == (allowed[action] if all_actions else taken)
            if taken:
                reward, state = drawn.n_returns[e, b], drawn.n_states[e, b]
                discount = drawn.n_discounts[e, b]
            else:
                reward, state = drawn.rewards[e, b, action], drawn.next_states[e, b, action]
                discount = drawn.discounts[e, b]
            expected = reward + discount * value(learner, state, allowed, e, double=double)
            if counts[e, b, action]:
                assert float(targets[e, b, action]) == pytest.approx(expected, abs=1e-5)


def test_double_dueling_and_all_actions_each_change_the_targets() -> None:
    drawn = transitions(batch=64)
    base = agent().targets(drawn)[0]
    assert not torch.allclose(base, agent(double=True).targets(drawn)[0])
    assert not torch.allclose(base, agent(dueling=True).targets(drawn)[0])
    assert not torch.allclose(base, agent(all_actions=True).targets(drawn)[0])


def test_a_bandit_learns_rewards_alone() -> None:
    drawn = transitions()
    targets, counts = agent(gamma=0.0, all_actions=True).targets(drawn)
    taken = np.eye(3, dtype=np.bool_)[drawn.actions]
    expected = np.where(taken, drawn.n_returns[..., None], drawn.rewards)
    assert targets[counts].numpy() == pytest.approx(expected[counts.numpy()])


@pytest.mark.parametrize("all_actions", [False, True])
@pytest.mark.parametrize("auxiliary", [0.0, 0.7])
def test_the_loss_is_huber_over_what_counts_and_weighed(
    *, all_actions: bool, auxiliary: float
) -> None:
    delta = 0.8
    learner = agent(all_actions=all_actions, auxiliary=auxiliary, huber_delta=delta)
    drawn = transitions()
    rng = np.random.default_rng(2)
    bootstrap = rng.poisson(1.0, drawn.weights.shape).astype(np.float32)
    importance = rng.random(drawn.actions.shape).astype(np.float32)
    drawn = dataclasses.replace(drawn, weights=bootstrap)
    targets, counts = (each.numpy() for each in learner.targets(drawn))
    told = learner.online(torch.from_numpy(drawn.states))
    predicted = told.q.detach().numpy()

    def huber(error: np.ndarray) -> np.ndarray:
        size = np.abs(error)
        return np.asarray(
            np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))  # Huber 1964
        )

    expected, surprise = 0.0, np.zeros(drawn.actions.shape)
    for e, b in each_place(drawn.actions.shape):
        error = (predicted - targets)[e, b][counts[e, b]]
        loss = huber(error).mean()
        if auxiliary:
            misses = told.auxiliary[e, b].detach().numpy() - drawn.auxiliary[e, b]
            loss += auxiliary * huber(misses).mean()
        expected += loss * importance[e, b] * bootstrap[e, b, e] / drawn.actions.size
        surprise[e, b] = np.abs(error).mean()
    made = learner.update(
        dataclasses.replace(batch(drawn), importance=importance), torch.Generator()
    )
    assert made.mean == pytest.approx(expected, rel=1e-4)
    assert made.errors == pytest.approx(surprise, rel=1e-4)


def test_members_learn_apart() -> None:
    drawn = transitions()
    other = dataclasses.replace(
        drawn, n_returns=drawn.n_returns * np.array([[1], [-3]], np.float32)
    )
    first, second = agent(), agent()
    for _ in range(3):
        first.update(batch(drawn), torch.Generator())
        second.update(batch(other), torch.Generator())
    for one, two in zip(first.online.parameters(), second.online.parameters(), strict=True):
        assert torch.equal(one[0], two[0])
        assert not torch.equal(one[1], two[1])


def test_the_target_network_moves_when_due() -> None:
    learner = agent(target_period=2, target_rate=0.25)
    before = [each.clone() for each in learner.target.parameters()]
    learner.update(batch(transitions()), torch.Generator())
    assert all(map(torch.equal, before, learner.target.parameters()))
    learner.update(batch(transitions()), torch.Generator())
    for old, new, online in zip(
        before, learner.target.parameters(), learner.online.parameters(), strict=True
    ):
        assert torch.allclose(new, 0.75 * old + 0.25 * online)


@pytest.mark.parametrize("exploration", ["epsilon", "softmax"])
def test_exploring_follows_its_distribution(exploration: str) -> None:
    learner = agent(exploration=exploration, temperature=0.5, epsilon_start=0.3)
    states = np.tile(np.array([0.5, -1.5], np.float32), (40_000, 1))
    allowed = np.repeat([[True, True, False]], len(states), 0)
    actions = learner.act(states, allowed, np.random.default_rng(0))
    shares = np.bincount(actions, minlength=3) / len(actions)
    values = np.mean([q(learner.online, states[0], member) for member in range(2)], 0)[:2]
    if exploration == "epsilon":
        expected = np.where(values == values.max(), 0.85, 0.15)
    else:
        expected = np.exp(values / 0.5) / np.exp(values / 0.5).sum()
    assert shares == pytest.approx([*expected, 0], abs=0.01)


def test_acting_is_greedy_among_what_is_allowed() -> None:
    learner = agent()
    states = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    values = learner.q_values(states)
    allowed = np.ones((20, 3), np.bool_)
    best = learner.act(states, allowed)
    assert np.array_equal(best, values.argmax(1))
    allowed[np.arange(20), best] = False
    assert np.array_equal(learner.act(states, allowed), values.argsort(1)[:, 1])


def test_epsilon_and_beta_run_along_straight_lines() -> None:
    learner = agent(
        steps=100, epsilon_start=1.0, epsilon_end=0.2, epsilon_decay=0.5, importance_exponent=0.4
    )
    seen = []
    for learner.updates in (0, 25, 50, 100):
        seen.append((learner.epsilon, learner.beta))
    assert np.array(seen) == pytest.approx(np.array([(1, 0.4), (0.6, 0.55), (0.2, 0.7), (0.2, 1)]))


@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("auxiliary", [0.0, 1.0])
@pytest.mark.parametrize("hidden", [(16,), (12, 20, 8)])
def test_what_is_exported_says_in_numpy_what_torch_says(
    *, dueling: bool, auxiliary: float, hidden: tuple[int, ...]
) -> None:
    learner = agent(dueling=dueling, auxiliary=auxiliary, hidden=hidden, members=3)
    exported = Network(learner.online.export(), (-1.0, 0.0, 1.0))
    states = np.random.default_rng(0).normal(scale=4, size=(50, 2)).astype(np.float32)
    told = learner.online(torch.from_numpy(states).expand(3, 50, 2))
    for place, state in enumerate(states):
        said = told.q.mean(0)[place].detach().numpy() * SCALES.reward
        assert exported.q_values(state) == pytest.approx(said, abs=1e-5)
        heads = exported.auxiliary(state)
        assert set(heads) == ({"log_bytes", "psnr", "ssim"} if auxiliary else set())
        for row, name in enumerate(heads):
            said = told.auxiliary.mean(0)[place, row].detach().numpy() * SCALES.auxiliary[row]
            assert heads[name] == pytest.approx(said, abs=1e-5)


def test_dropout_and_noise_blur_updates_and_nothing_else() -> None:
    drawn = transitions(batch=64)
    states = torch.from_numpy(drawn.states)
    for change in ({"dropout": 0.5}, {"input_noise": 0.5}):
        network = agent(**change).online
        assert torch.equal(network(states).q, network(states).q)
        noisy = network(states, torch.Generator().manual_seed(1)).q
        assert not torch.allclose(noisy, network(states).q)
        assert torch.equal(noisy, network(states, torch.Generator().manual_seed(1)).q)
