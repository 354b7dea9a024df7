"""The policies that come with rlcodec, and how they and others are found."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from rlcodec.errors import SettingsError
from rlcodec.policy.file import PolicyFile, load
from rlcodec.settings import POLICIES, SHIPPED_POLICIES

FOLDER = Path(str(resources.files("rlcodec"))) / "policies"


def shipped() -> tuple[str, ...]:
    """The names of the policies that come with this rlcodec, the default first."""
    return tuple(name for name in SHIPPED_POLICIES if _path(name).is_file())


def policies() -> tuple[PolicyFile, ...]:
    """The policies that come with this rlcodec, the default first.

    Raises:
        PolicyError: the file of one is damaged.
    """
    return tuple(load(_path(name)) for name in shipped())


def load_policy(policy: str | Path) -> PolicyFile:
    """The policy of a name, one of `settings.SHIPPED_POLICIES`, or of a file.

    Raises:
        PolicyError: the file cannot be read, or is no policy; the message says what is wrong.
        SettingsError: the name is that of a policy that is code, and has no file.
    """
    if policy in SHIPPED_POLICIES:
        return load(_path(str(policy)))
    if policy in POLICIES:
        raise SettingsError(f"policy {policy} is written in code, and has no file to read")
    return load(policy)


def _path(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"
