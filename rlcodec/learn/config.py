"""Every hyper-parameter of the agent, in one frozen record."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rlcodec.analysis.state import INPUT_NAMES
from rlcodec.errors import InputError, SettingsError

INPUTS_SEEN = tuple(name for name in INPUT_NAMES if not name.startswith("reports"))
"""All but what the encoder reports: it comes late, and a plan has none of it."""
EXPLORATION = ("epsilon", "softmax")


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """How an agent is built, explores and learns.

    Quantities of reward are in units of the rewards' own standard deviation, by which everything
    is divided while learning. `gamma` 0 makes the agent a contextual bandit.

    Attributes:
        imagined: share of the episodes that are imagined around the clips of the corpus, by a
            model that is fitted to the table; the others come from the table (Sutton 1990, Dyna).
        relative: whether the rewards of every state are put in units of what there is to win in
            it, so that cheap segments count as much as dear ones; for `gamma` 0, since such rewards
            do not add up.
        hindsight: whether titles are judged by the slope of all of them, and not by what can be
            known of it when a segment is decided.
        inputs: those of the state that the policy sees, by name.
        hidden: sizes of the hidden layers, each followed by a ReLU.
        members: networks trained at once, each from its own start and on its own minibatches; the
            policy acts by their mean Q (Osband 2016).
        bootstrap: whether every member weighs the sources of the corpus by its own Poisson draws,
            so that members differ where sources are few.
        dueling: whether Q is the sum of a value and of advantages of mean 0 (Wang 2016).
        double: whether the online network picks the next action that the target network rates
            (van Hasselt 2016).
        n_step: rewards summed before a target asks the target network (Sutton 1988; Hessel 2018).
        gamma: discount of the next step's reward, 0 to 1.
        all_actions: whether targets are made for every action of a state, whose outcomes the table
            knows, and not only for the one that was taken.
        auxiliary: weight in the loss of the heads that predict log bytes, PSNR and SSIM for every
            action; 0 leaves the heads out.
        prioritised: whether transitions are drawn by their last error (Schaul 2016).
        priority_exponent: alpha: 0 draws uniformly, 1 in proportion to the error.
        importance_exponent: beta at the start, by which importance weights undo the drawing; it
            rises to 1 along a straight line.
        buffer_size: transitions that are kept for drawing.
        batch_size: transitions per member and update.
        steps: updates of a whole run.
        episodes_per_round: episodes that are collected before each round of updates.
        updates_per_round: updates in a round.
        warm_up_rounds: rounds' worth of episodes that are collected by random actions at first;
            inputs and rewards are normalised by what they show.
        exploration: "epsilon": a random action now and then, else the best;
            "softmax": actions in proportion to exp(Q / temperature).
        epsilon_start: share of random actions at first.
        epsilon_end: share of random actions at the end of the decay.
        epsilon_decay: share of `steps` in which epsilon falls along a straight line.
        temperature: of softmax exploration, in units of the reward's standard deviation.
        target_period: updates between two moves of the target network.
        target_rate: how far each move goes to the online network: 1 copies it (Mnih 2015), a small
            one with `target_period` 1 follows it slowly (Lillicrap 2016).
        huber_delta: error from which the loss grows linearly (Huber 1964).
        learning_rate: of AdamW (Loshchilov 2019), falling to 0 along a cosine over `steps`.
        weight_decay: of AdamW.
        dropout: share of hidden units that are left out in each update.
        input_noise: standard deviation of noise on normalised inputs in each update.
        validation_interval: rounds between two validations, each followed by a checkpoint.
        patience: validations without a better return after which training stops.
        seed: of everything that is random.

    Raises:
        SettingsError: a value is out of range; the message names it.
    """

    imagined: float = 1.0
    relative: bool = True
    hindsight: bool = False
    inputs: tuple[str, ...] = INPUTS_SEEN
    hidden: tuple[int, ...] = (64, 64)
    members: int = 8
    bootstrap: bool = True
    dueling: bool = True
    double: bool = True
    n_step: int = 1
    gamma: float = 0.0
    all_actions: bool = True
    auxiliary: float = 0.5
    prioritised: bool = False
    priority_exponent: float = 0.6
    importance_exponent: float = 0.4
    buffer_size: int = 30_000
    batch_size: int = 128
    steps: int = 4_000
    episodes_per_round: int = 64
    updates_per_round: int = 200
    warm_up_rounds: int = 4
    exploration: str = "epsilon"
    epsilon_start: float = 1.0
    epsilon_end: float = 0.1
    epsilon_decay: float = 0.3
    temperature: float = 0.1
    target_period: int = 200
    target_rate: float = 1.0
    huber_delta: float = 1.0
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    dropout: float = 0.0
    input_noise: float = 0.0
    validation_interval: int = 5
    patience: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "inputs", tuple(self.inputs))
        unknown = [name for name in self.inputs if name not in INPUT_NAMES]
        self._require("inputs", not unknown and bool(self.inputs), "names of the state's inputs")
        for name in _POSITIVE:
            self._require(name, getattr(self, name) > 0, "above 0")
        for name in _NOT_NEGATIVE:
            self._require(name, getattr(self, name) >= 0, "0 or more")
        for name in _SHARES:
            self._require(name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        self._require("hidden", bool(self.hidden) and min(self.hidden) > 0, "sizes above 0")
        self._require("dropout", self.dropout < 1, "below 1")
        self._require("exploration", self.exploration in EXPLORATION, " or ".join(EXPLORATION))

    def epsilon(self, progress: float) -> float:
        """Share of random actions when `progress` (0 to 1) of the run is done (Mnih 2015)."""
        decayed = min(1.0, progress / max(self.epsilon_decay, 1e-9))
        return self.epsilon_start + decayed * (self.epsilon_end - self.epsilon_start)

    def _require(self, name: str, holds: bool, rule: str) -> None:  # noqa: FBT001 # private
        if not holds:
            raise SettingsError(f"{name} is {getattr(self, name)!r}: it must be {rule}")


_POSITIVE = (
    *("members", "n_step", "buffer_size", "batch_size", "steps", "episodes_per_round"),
    *("updates_per_round", "warm_up_rounds", "temperature", "target_period", "target_rate"),
)
_NOT_NEGATIVE = ("auxiliary", "priority_exponent", "weight_decay", "input_noise", "seed")
_SHARES = (
    "imagined",
    *("gamma", "importance_exponent", "epsilon_start", "epsilon_end", "epsilon_decay"),
    *("target_rate", "dropout"),
)


def load_config(path: Path, *, seed: int | None = None) -> AgentConfig:
    """Read an `AgentConfig` from a TOML file; what it leaves out keeps its default.

    A `seed` goes before the one of the file.

    Raises:
        InputError: the file cannot be read, or is not TOML.
        SettingsError: it names what is no hyper-parameter, or a value of the wrong kind.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a TOML file: {error}") from error
    defaults = dataclasses.asdict(AgentConfig())
    unknown = [name for name in values if name not in defaults]
    if unknown:
        raise SettingsError(
            f"{path}: {', '.join(unknown)} is no hyper-parameter; known are {', '.join(defaults)}"
        )
    for name, value in values.items():
        if not _is_like(value, defaults[name]):
            raise SettingsError(
                f"{path}: {name} is {value!r}: give {_kind(defaults[name])}, "
                f"like the default {defaults[name]!r}"
            )
    return AgentConfig(**(values if seed is None else {**values, "seed": seed}))


def _is_like(value: object, default: object) -> bool:
    """Whether a value from TOML is of the default's kind; a whole number is a number too."""
    if isinstance(default, tuple):
        return isinstance(value, list) and all(type(each) is type(default[0]) for each in value)
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default)


def _kind(default: object) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
    return kinds.get(type(default), "a list of such")
