"""What every driver does first: open the source, find who decides, see that the encoder obeys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rlcodec.engine.director import Director, PlanDirector, PolicyDirector
from rlcodec.errors import OffsetError, PolicyError, SettingsError
from rlcodec.events import Notice
from rlcodec.media.capability import Capability, Control, inspect
from rlcodec.media.encoder import encoder_options
from rlcodec.media.picture import Picture
from rlcodec.media.source import STANDARD_INPUT, Source
from rlcodec.plans.record import Plan
from rlcodec.policy.fixed import Fixed
from rlcodec.policy.interface import Policy
from rlcodec.policy.learned import Learned
from rlcodec.policy.rule import Rule
from rlcodec.policy.shipped import load_policy
from rlcodec.settings import DEFAULT_POLICY, Settings


def refuse_input_as_output(input: str | Path, output: Path) -> None:  # noqa: A002 # users' name
    """See that no file is read and written at once.

    Raises:
        SettingsError: `output` is `input` itself.
    """
    try:
        if str(input) == STANDARD_INPUT:
            same = os.path.samestat(os.fstat(0), output.stat())
        else:
            same = Path(input).samefile(output)
    except OSError:  # one is not there, or out of reach: who opens it says so
        return
    if same:
        raise SettingsError(f"{output}: is the input itself; write to another file")


def open_source(input: str | Path, settings: Settings) -> Source:  # noqa: A002 # users' name
    """Open `input` as `settings` want it to be read.

    Raises:
        InputError: it cannot be used.
    """
    return Source(
        str(input),
        max_pixels=settings.max_pixels,
        audio=settings.audio,
        subtitles=settings.subtitles,
        allow_truncated=settings.allow_truncated,
    )


def expected_frames(source: Source, settings: Settings) -> int | None:
    """How many frames `source` promises to give, once their rate is that of `settings`."""
    if settings.fps is not None and source.duration is not None:
        return round(source.duration * settings.fps)
    return source.frames


@dataclass(frozen=True, slots=True)
class Steering:
    """Who decides about a stream.

    Attributes:
        director: decides.
        name, digest: what results call the policy behind it, and the SHA-256 of its file; of the
            plan where that is what decides.
        notices: what the user should know of it, before anything else.
        asks_encoder: whether it goes by what the encoder made of earlier segments.
    """

    director: Director
    name: str
    digest: str | None = None
    notices: tuple[Notice, ...] = ()
    asks_encoder: bool = False


def steering_for(settings: Settings, picture: Picture, plan: Plan | None = None) -> Steering:
    """Who decides about a stream of `picture`s: `plan`, or else the policy of `settings`.

    Raises:
        PolicyError: that policy was asked for, and its file is none, or does not fit.
    """
    if plan is not None:
        return Steering(PlanDirector(plan), "plan", plan.digest)
    policy, notices = _policy_for(settings, picture.width * picture.height)
    director = PolicyDirector(picture, policy, settings)
    if not isinstance(policy, Learned):
        return Steering(director, policy.name, notices=notices)
    return Steering(director, policy.name, policy.digest, notices, policy.asks_encoder)


def _policy_for(settings: Settings, pixels: int) -> tuple[Policy, tuple[Notice, ...]]:
    """The policy that `settings` name, or the default one, and what there is to say of that."""
    asked = settings.policy
    if asked == Fixed.name:
        return Fixed(), ()
    name = asked or DEFAULT_POLICY
    if name == Rule.name:
        return Rule(), ()
    file = load_policy(name)
    misfit = file.facts.misfit(settings, pixels)
    if misfit is None:
        return Learned(file), ()
    if asked is None:
        notice = f"policy {name} {misfit}: {Rule.name} decides instead"
        return Rule(), (Notice(notice, once=True),)
    raise PolicyError(
        f"{file.label}: does not fit: it {misfit}; choose another policy, or --policy {Rule.name}"
    )


def options_for(settings: Settings) -> dict[str, str]:
    """The options that open the encoder."""
    return encoder_options(settings.codec, settings.preset, settings.crf, settings.encoder_options)


def capability_for(settings: Settings, pix_fmt: str, plan: Plan | None = None) -> Capability | None:
    """What the encoder makes of CRF offsets; None where the policy, or the plan, makes none.

    Raises:
        OffsetError: it ignores them, and there would be some.
        SettingsError: the encoder refuses an option.
    """
    capability = inspect(settings.codec, pix_fmt, options_for(settings))
    steady = settings.policy == Fixed.name if plan is None else plan.steady
    if steady:
        return None
    if capability.control is Control.ABSENT:
        tune = settings.encoder_options.get("tune")
        setup = f"preset {settings.preset}" + (f", tune {tune}" if tune else "")
        instead = "--policy fixed" if plan is None else "give every segment the plan's base CRF"
        raise OffsetError(
            f"{settings.codec} with {setup} cannot change CRF while it runs: {capability.reason}; "
            f"choose another preset or tune, or {instead}"
        )
    return capability
