"""What every driver does first: open the source, find who decides, see that the encoder obeys."""

from __future__ import annotations

import os
from pathlib import Path

from rlcodec.engine.director import Director, PlanDirector, PolicyDirector
from rlcodec.errors import OffsetError, SettingsError
from rlcodec.media.capability import Capability, Control, inspect
from rlcodec.media.encoder import encoder_options
from rlcodec.media.picture import Picture
from rlcodec.media.source import STANDARD_INPUT, Source
from rlcodec.plans.record import Plan
from rlcodec.policy.fixed import Fixed
from rlcodec.policy.interface import Policy
from rlcodec.policy.rule import Rule
from rlcodec.settings import Settings


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


def policy_for(settings: Settings) -> Policy:
    """The policy that `settings` name."""
    policies: dict[str, Policy] = {Rule.name: Rule(), Fixed.name: Fixed()}
    return policies[settings.policy]


def director_for(settings: Settings, picture: Picture, plan: Plan | None = None) -> Director:
    """Who decides about a stream of `picture`s: `plan`, or else the policy of `settings`."""
    if plan is not None:
        return PlanDirector(plan)
    return PolicyDirector(picture, policy_for(settings), settings)


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
