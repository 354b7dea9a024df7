"""What both drivers do first: find the policy, and see that the encoder will obey it."""

from __future__ import annotations

from rlcodec.errors import OffsetError
from rlcodec.media.capability import Capability, Control, inspect
from rlcodec.media.encoder import encoder_options
from rlcodec.policy.fixed import Fixed
from rlcodec.policy.interface import Policy
from rlcodec.policy.rule import Rule
from rlcodec.settings import Settings


def policy_for(settings: Settings) -> Policy:
    """The policy that `settings` name."""
    policies: dict[str, Policy] = {Rule.name: Rule(), Fixed.name: Fixed()}
    return policies[settings.policy]


def options_for(settings: Settings) -> dict[str, str]:
    """The options that open the encoder."""
    return encoder_options(settings.codec, settings.preset, settings.crf, settings.encoder_options)


def capability_for(settings: Settings, pix_fmt: str) -> Capability | None:
    """What the encoder makes of CRF offsets; None for the policy that makes none.

    Raises:
        OffsetError: it ignores them, and the policy would make some.
        SettingsError: the encoder refuses an option.
    """
    capability = inspect(settings.codec, pix_fmt, options_for(settings))
    if settings.policy == Fixed.name:
        return None
    if capability.control is Control.ABSENT:
        tune = settings.encoder_options.get("tune")
        setup = f"preset {settings.preset}" + (f", tune {tune}" if tune else "")
        raise OffsetError(
            f"{settings.codec} with {setup} cannot change CRF while it runs: {capability.reason}; "
            "choose another preset or tune, or --policy fixed"
        )
    return capability
