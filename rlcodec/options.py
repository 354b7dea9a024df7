"""Encoder options that make no sense beside a CRF chosen for every shot, refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rlcodec.errors import SettingsError

_OWN = "there is a setting of its own for it"
_RATE = "the rate control is CRF, and the policy's to steer"
_FILE = "it makes the encoder write a file of its own"
_PICTURE = "it follows from the picture and the file"

# By the names of FFmpeg's options and of x264's and x265's parameters, with - for every _
_REFUSED = {
    "preset": _OWN,
    "crf": _OWN,
    "fps": _OWN,
    "ab": _RATE,
    "abr-ladder": _RATE,
    "b": _RATE,
    "bitrate": _RATE,
    "global-quality": _RATE,
    "lossless": _RATE,
    "pass": _RATE,
    "qp": _RATE,
    "qp-constant": _RATE,
    "zonefile": _RATE,
    "zones": _RATE,
    "analysis-reuse-file": _FILE,
    "analysis-save": _FILE,
    "csv": _FILE,
    "dump-yuv": _FILE,
    "opencl-clbin": _FILE,
    "passlogfile": _FILE,
    "recon": _FILE,
    "stats": _FILE,
    "flags": _PICTURE,
    "input-csp": _PICTURE,
    "input-res": _PICTURE,
    "pixel-format": _PICTURE,
    "time-base": _PICTURE,
    "timebase": _PICTURE,
    "total-frames": _PICTURE,
    "video-size": _PICTURE,
}
_PARAMETER_LISTS = ("x264-params", "x264opts", "x265-params")

# x264 takes one of these and any number of those that concern no psychovisual optimisation
_X264_PSY_TUNES = ("film", "animation", "grain", "stillimage", "psnr", "ssim", "touhou")
_X264_TUNES = (*_X264_PSY_TUNES, "fastdecode", "zerolatency")
_X264_PROFILES = ("baseline", "main", "high", "high10", "high422", "high444")
_X265_TUNES = ("psnr", "ssim", "grain", "zerolatency", "fastdecode", "animation", "vmaf")


def check_options(codec: str, options: Mapping[str, str]) -> None:
    """See that the user's `options` leave rate control, files and timing alone.

    Names of tunes and profiles are checked too, since x264 complains of them on standard error by
    itself. Whether an encoder knows an option at all, only the encoder can tell.

    Raises:
        SettingsError: an option is refused; the message names it and says why.
    """
    for key, shown in keys(options):
        reason = _REFUSED.get(key)
        if reason is not None:
            raise SettingsError(f"encoder option {shown!r} is not taken: {reason}")
    tune, profile = options.get("tune"), options.get("profile")
    if tune is not None:
        _check_tune(codec, tune)
    if profile is not None and codec == "libx264" and profile.lower() not in _X264_PROFILES:
        raise _unknown("profile", profile, _X264_PROFILES)


def keys(options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every option and every parameter in a list of them: its name, and how to show it.

    The names are those of FFmpeg's options and of x264's and x265's parameters, with - for every _.
    """
    for option, value in options.items():
        yield option.replace("_", "-"), option
        if option in _PARAMETER_LISTS:
            # The encoders take --name for name, and FFmpeg quoted names
            for pair in re.sub(r"[\\']", "", value).split(":"):
                name = pair.partition("=")[0].strip().removeprefix("--").replace("_", "-")
                yield name, f"{option}={name}"


def _check_tune(codec: str, tune: str) -> None:
    if codec != "libx264":
        if tune not in _X265_TUNES:
            raise _unknown("tune", tune, _X265_TUNES)
        return
    names = [name for name in re.split(r"[,./+-]", tune.lower()) if name]
    if not names or not set(names) <= set(_X264_TUNES):
        raise _unknown("tune", tune, _X264_TUNES)
    psy = [name for name in names if name in _X264_PSY_TUNES]
    if len(psy) > 1:
        raise SettingsError(f"tune {tune!r} is not possible: choose one of {', '.join(psy)}")


def _unknown(name: str, value: str, known: tuple[str, ...]) -> SettingsError:
    return SettingsError(f"{name} {value!r} is not known: choose one of {', '.join(known)}")
