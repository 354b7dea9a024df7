"""Every error that rlcodec raises, in one tree.

RlcodecError
├── SettingsError          what was asked for makes no sense (also a ValueError)
│   ├── OffsetError        this encoder, set up like this, cannot change CRF while it runs
│   ├── PlanError          the plan is none, or none of this video
│   └── PolicyError        the policy file is none, or does not fit what is encoded
├── InputError             the input cannot be used
├── EncodeError            an encoder refused to start or gave up
├── StoreError             the store of a corpus cannot be used
└── OutputError            the output cannot be written, or failed its check
    └── OutputExistsError  the output is there already (also a FileExistsError)

A message is one line: what happened, to which file, and what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class RlcodecError(Exception):
    """The root of every error that rlcodec raises on purpose.

    `exit_code` is what a command that fails by it exits with.
    """

    exit_code: ClassVar[int] = 1


class SettingsError(RlcodecError, ValueError):
    """A setting is out of range, unknown, or does not fit the others."""

    exit_code = 2


class OffsetError(SettingsError):
    """The encoder ignores CRF offsets with these settings."""


class PlanError(SettingsError):
    """The plan cannot be read, contradicts itself, or does not fit the video."""


class PolicyError(SettingsError):
    """The policy file cannot be read, contradicts itself, or does not fit what is encoded."""


class InputError(RlcodecError):
    """The input is missing, unreadable, damaged, or holds no video."""

    exit_code = 4


class EncodeError(RlcodecError):
    """The encoder refused its settings or failed on a frame."""


class StoreError(RlcodecError):
    """The store of a corpus is none, one of another version, or cannot be written."""


class OutputError(RlcodecError):
    """The output could not be written, or what was written failed its check."""


class OutputExistsError(OutputError, FileExistsError):
    """The output exists and overwriting it was not asked for."""
