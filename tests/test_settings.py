from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from typing import Any, get_type_hints

import pytest

from rlcodec.errors import SettingsError
from rlcodec.settings import Choices, Settings, parse_fps, parse_scale


def test_choices_are_the_fields_of_settings() -> None:
    assert get_type_hints(Choices) == get_type_hints(Settings)
    assert {field.name for field in fields(Settings)} == set(get_type_hints(Choices))


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ({"crf": 52.0}, "between 0 and 51"),
        ({"crf": -1.0}, "between 0 and 51"),
        ({"crf": float("nan")}, "crf"),
        ({"codec": "libvpx"}, "libx264, libx265"),
        ({"preset": "warp"}, "ultrafast"),
        ({"policy": "magic"}, "rule, fixed"),
        ({"scope": "shelf"}, "title, library"),
        ({"max_offset": 21.0}, "max_offset"),
        ({"max_pixels": 0}, "max_pixels"),
        ({"scale": (0, 720)}, "2 to 16384"),
        ({"scale": (-1, -1)}, "only one"),
        ({"fps": Fraction(0)}, "fps"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(choice: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings(**choice)


def test_settings_cannot_be_changed() -> None:
    options = {"tune": "film"}
    settings = Settings(encoder_options=options)
    options["tune"] = "grain"
    assert settings.encoder_options["tune"] == "film"
    with pytest.raises(TypeError):
        settings.encoder_options["tune"] = "grain"  # type: ignore[index] # that is the point


@pytest.mark.parametrize(
    ("text", "scale"), [("1280x720", (1280, 720)), ("-1x720", (-1, 720)), ("640:-1", (640, -1))]
)
def test_scale_is_read(text: str, scale: tuple[int, int]) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["720", "x", "12x", "-2x720", "1x1", "99999x10"])
def test_other_scales_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="scale"):
        parse_scale(text)


def test_fps_is_exact() -> None:
    assert parse_fps("30000/1001") == Fraction(30000, 1001)
    assert parse_fps("29.97") == Fraction(2997, 100)
    for text in ("0", "-25", "fast", "1/0"):
        with pytest.raises(SettingsError, match="fps"):
            parse_fps(text)
