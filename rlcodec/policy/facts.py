"""What a policy says of itself: what it was trained for, on what, and how well it did."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise

from rlcodec.analysis import state
from rlcodec.document import DocumentError, Fields, parse
from rlcodec.errors import PolicyError
from rlcodec.options import keys
from rlcodec.settings import MAX_OFFSET_RANGE, Settings
from rlcodec.version import __version__

FORMAT = 1
MAX_CARD = 2**16
"""Characters of the longest model card."""

# Options of x264 and x265, as `options.keys` calls them, that change where an encoder puts its
# bits: what a policy has learned of the default ones need not hold for others
_TUNING = frozenset(
    {
        *("tune", "aq-mode", "aq-strength", "qcomp", "mbtree", "cutree", "rc-lookahead"),
        *("psy", "psy-rd", "psy-rdoq", "ipratio", "pbratio"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """Everything in a policy file but the weights.

    Attributes:
        name: what results call the policy.
        objective: what it was trained to gain.
        scopes: which of `settings.SCOPES` it was trained for.
        codec, presets: the encoder it was trained for, and the presets that it may be used at.
        state_version: the `state.VERSION` that it sees.
        inputs: the state's inputs that it sees, by name, in the order of its weights.
        offsets: CRF offsets that it chooses from, rising; one of them is 0.
        crf_range: lowest and highest base CRF that it was trained for.
        pixels_range: smallest and largest picture, in pixels, that it was trained for.
        corpus_digest: SHA-256 of the corpus.
        seed: of the training.
        scores: what it earned, by what was measured: BD-rates in percent, negative is better.
        card: corpus, split, scores and limits, for people.
        created_with: the program that wrote it.

    Raises:
        PolicyError: a value is out of range, or of no use to this rlcodec.
    """

    name: str
    objective: str
    scopes: tuple[str, ...]
    codec: str
    presets: tuple[str, ...]
    state_version: int = state.VERSION
    inputs: tuple[str, ...]
    offsets: tuple[float, ...]
    crf_range: tuple[float, float]
    pixels_range: tuple[int, int]
    corpus_digest: str
    seed: int
    scores: Mapping[str, float] = field(default_factory=dict)
    card: str = ""
    created_with: str = f"rlcodec {__version__}"

    def __post_init__(self) -> None:
        if self.state_version != state.VERSION:
            raise PolicyError(
                f"it sees version {self.state_version} of the state, and this rlcodec has "
                f"{state.VERSION}: train it anew, or use the {self.created_with} that wrote it"
            )
        known = set(state.INPUT_NAMES)
        unknown = [name for name in self.inputs if name not in known]
        if unknown:
            raise PolicyError(f"it sees inputs that no state has: {', '.join(unknown)}")
        for name in ("inputs", "presets", "scopes"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise PolicyError(f"{name} must name one or more, each once")
        self._check_numbers()

    def _check_numbers(self) -> None:
        offsets, most = self.offsets, MAX_OFFSET_RANGE[1]
        if not all(-most <= each <= most for each in offsets):
            raise PolicyError(f"offsets must lie within {most:g} of 0")
        if 0 not in offsets or not all(low < high for low, high in pairwise(offsets)):
            raise PolicyError("offsets must rise, and 0 be one of them")
        for name in ("crf_range", "pixels_range"):
            low, high = getattr(self, name)
            if not 0 <= low <= high < math.inf:
                raise PolicyError(f"{name} is {low} to {high}: both ends are due, the lower first")
        if not all(math.isfinite(each) for each in self.scores.values()):
            raise PolicyError("scores must be finite numbers")

    @property
    def asks_encoder(self) -> bool:
        """Whether it goes by what the encoder made of earlier segments."""
        return any(name.startswith("report") for name in self.inputs)

    def misfit(self, settings: Settings, pixels: int) -> str | None:
        """Why the policy is of no use for pictures of that many `pixels`; None where it is."""
        (low, high), (smallest, largest) = self.crf_range, self.pixels_range
        changed = [shown for key, shown in keys(settings.encoder_options) if _plain(key) in _TUNING]
        checks = (
            (settings.codec == self.codec, f"is for {self.codec}, and not for {settings.codec}"),
            (
                settings.preset in self.presets,
                f"is for preset {', '.join(self.presets)}, and not for {settings.preset}",
            ),
            (
                settings.scope in self.scopes,
                f"is for scope {', '.join(self.scopes)}, and not for {settings.scope}",
            ),
            (
                low <= settings.crf <= high,
                f"is for base CRFs from {low:g} to {high:g}, and not for {settings.crf:g}",
            ),
            (
                smallest <= pixels <= largest,
                f"is for pictures of {smallest} to {largest} pixels, and not of {pixels}",
            ),
            (not changed, f"was trained without encoder option {', '.join(changed)}"),
        )
        return next((reason for fits, reason in checks if not fits), None)

    def as_dict(self) -> dict[str, object]:
        """The same as plain values."""
        return {"format": FORMAT, **asdict(self)}

    def to_json(self) -> str:
        """The same as a policy file keeps it."""
        return json.dumps(self.as_dict(), allow_nan=False)


def read_facts(text: str) -> PolicyFacts:
    """The facts that a policy file keeps as `text`.

    Raises:
        DocumentError: they are none, or of a newer format.
        PolicyError: they are of no use to this rlcodec.
    """
    fields = Fields(parse(text.encode()))
    form = fields.take("format", int)
    if form != FORMAT:
        raise DocumentError(f"format is {form}, and this rlcodec reads {FORMAT}: update it")
    return PolicyFacts(
        name=fields.take("name", str),
        objective=fields.take("objective", str),
        scopes=fields.list_of("scopes", str),
        codec=fields.take("codec", str),
        presets=fields.list_of("presets", str),
        state_version=fields.take("state_version", int),
        inputs=fields.list_of("inputs", str),
        offsets=fields.list_of("offsets", float),
        crf_range=fields.pair_of("crf_range", float),
        pixels_range=fields.pair_of("pixels_range", int),
        corpus_digest=fields.take("corpus_digest", str),
        seed=fields.take("seed", int),
        scores=fields.dict_of("scores", float),
        card=fields.take("card", str, longest=MAX_CARD),
        created_with=fields.take("created_with", str),
    )


def _plain(key: str) -> str:
    """An option without the `no-` or `no` that switches it off."""
    return key.removeprefix("no").removeprefix("-")
