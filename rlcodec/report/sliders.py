"""A frame of two videos, one over the other, with a slider that moves the border between them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from rlcodec.media.stills import Still
from rlcodec.report.frames import FramePair
from rlcodec.report.words import text


@dataclass(frozen=True, slots=True)
class Sides:
    """What is seen left and right of the border, in a word or two."""

    left: str
    right: str


def slider(pair: FramePair, sides: Sides, title: str, words: str, *, heading: str = "h3") -> str:
    """The two pictures of a frame under a slider, and their difference map beside it.

    Args:
        pair: the pictures.
        sides: what they are.
        title: which frame it is.
        words: what there is to say of it: HTML.
        heading: the element that the title is.
    """
    stage = (
        '<div class="window" tabindex="0" role="group" '
        f'aria-label="{text(title)}, pictures"><div class="stage">'
        f"{image(pair.left, f'{sides.left}, {title}')}"
        f"{image(pair.right, f'{sides.right}, {title}', 'over')}"
        f'<span class="badge left" aria-hidden="true">{text(sides.left)}</span>'
        f'<span class="badge right" aria-hidden="true">{text(sides.right)}</span></div></div>'
    )
    controls = (
        f'<label class="border"><span>Border between {text(sides.left)} (left) and '
        f'{text(sides.right)} (right)</span><input type="range" min="0" max="100" value="50">'
        "</label>"
        '<label class="actual"><input type="checkbox"> Actual pixels</label>'
    )
    difference = (
        f'<div class="map">{image(pair.difference, f"Difference map, {title}")}'
        "<p>Difference map: bright where the pictures differ</p></div>"
    )
    return (
        f'<figure class="frame"><figcaption><{heading}>{text(title)}</{heading}>'
        f"<p>{words}</p></figcaption>"
        f'<div class="sides"><div>{stage}{controls}</div>{difference}</div></figure>'
    )


def image(still: Still, says: str, kind: str = "") -> str:
    """A picture as part of the page; `says` stands for it where it cannot be seen."""
    data = base64.b64encode(still.data).decode()
    look = f' class="{kind}"' if kind else ""
    return (
        f'<img{look} src="data:image/webp;base64,{data}" width="{still.width}" '
        f'height="{still.height}" alt="{text(says)}" draggable="false" decoding="async">'
    )
