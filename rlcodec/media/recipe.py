"""Which filters turn one picture into another: planned step by step, and what each makes of it."""

from __future__ import annotations

from dataclasses import replace

from av.codec.codec import find_best_pix_fmt_of_list
from av.video.format import VideoFormat

from rlcodec.errors import InputError, SettingsError
from rlcodec.media.picture import (
    MATRIX_BT709,
    MATRIX_RGB,
    RANGE_LIMITED,
    UNSPECIFIED,
    Picture,
    same_colours,
)
from rlcodec.media.stated import NO_CROPPING

SMALLEST_SIDE, LARGEST_SIDE = 16, 16384

# (a, b, c, d) of a display matrix, as signs: where the stored x and y axes point on the display.
# The filters turn the stored picture into the displayed one.
_ORIENTATIONS = {
    (1, 0, 0, 1): (),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (-1, 0, 0, -1): (("hflip", None), ("vflip", None)),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (-1, 0, 0, 1): (("hflip", None),),
    (1, 0, 0, -1): (("vflip", None),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


class Recipe:
    """Filters in the order in which they are asked for.

    `steps` are their names and arguments, `picture` is what comes out of them, and `notes` say what
    was changed without having been asked for.
    """

    def __init__(self, picture: Picture, *, label: str) -> None:
        """Begin with `picture`; `label` is the name of the file that messages use."""
        self.picture = picture
        self.steps: list[tuple[str, str | None]] = []
        self.notes: list[str] = []
        self._label = label

    def deinterlace(self, *, every_frame: bool) -> None:
        """Make whole frames of interlaced ones, or of all. It halves the ticks of the time base."""
        which = "all" if every_frame else "interlaced"
        self.steps.append(("bwdif", f"mode=send_frame:parity=auto:deint={which}"))
        # It takes fewer formats than decoders give
        self.steps.append(("format", self.picture.pix_fmt))
        self.picture = replace(self.picture, interlaced=False)

    def crop(self) -> None:
        """Cut off what the container wants to have cut off of the stored picture."""
        was, cut = self.picture, self.picture.cropping
        if cut == NO_CROPPING:
            return
        width, height = was.width - cut.left - cut.right, was.height - cut.top - cut.bottom
        # By a part of a chroma sample, colours would come off their outlines: as FFmpeg's own
        # command, begin at a whole one
        step_x, step_y = self._steps(was.pix_fmt)
        self._crop(width, height, cut.left - cut.left % step_x, cut.top - cut.top % step_y)
        self.picture = replace(self.picture, cropping=NO_CROPPING)

    def orient(self, axes: tuple[int, int, int, int]) -> None:
        """Turn the picture as the signs of its display matrix say."""
        steps = _ORIENTATIONS.get(axes, ())
        if not steps:
            return
        self.steps.extend(steps)
        # Fields would stand upright, or in the other order; chroma lies elsewhere
        self.picture = replace(self.picture, interlaced=False, chroma_location=None)
        if any(name == "transpose" for name, _ in steps):
            self.picture = replace(
                self.picture,
                width=self.picture.height,
                height=self.picture.width,
                sample_aspect_ratio=1 / self.picture.sample_aspect_ratio,
            )

    def resize(self, scale: tuple[int, int]) -> None:
        """Scale to width and height; -1 for one of them keeps the shape.

        Raises:
            SettingsError: a side becomes too long.
        """
        was = self.picture
        width, height = scale
        if width == -1:
            width = max(2, round(was.width * height / was.height / 2) * 2)
        if height == -1:
            height = max(2, round(was.height * width / was.width / 2) * 2)
        if max(width, height) > LARGEST_SIDE:
            raise SettingsError(
                f"scale {scale[0]}x{scale[1]} makes {width}x{height} of {was.width}x{was.height}: "
                f"no side may exceed {LARGEST_SIDE} pixels"
            )
        self._scale(width, height)
        aspect = was.sample_aspect_ratio
        if -1 not in scale:  # both sides were asked for: the shape on the display stays
            aspect = (aspect * was.width * height / (was.height * width)).limit_denominator(255)
        self.picture = replace(self.picture, sample_aspect_ratio=aspect)

    def fit_to_chroma(self, pix_fmt: str) -> None:
        """Crop to whole chroma samples, without which the encoders refuse a picture.

        Raises:
            InputError: the picture is too small to be encoded.
        """
        was = self.picture
        step_x, step_y = self._steps(pix_fmt)
        width, height = was.width - was.width % step_x, was.height - was.height % step_y
        if min(width, height) < SMALLEST_SIDE:
            raise InputError(
                f"{self._label}: a picture of {was.width}x{was.height} is too small to encode; "
                f"both sides need {SMALLEST_SIDE} pixels at least (--scale makes it larger)"
            )
        if (width, height) != (was.width, was.height):
            self._crop(width, height, 0, 0)
            need = f"whole fields of {pix_fmt} need" if step_y > 2 else f"{pix_fmt} needs"
            sides = "a height that 4 divides" if step_y > 2 else "even sides"
            self.notes.append(
                f"{was.width}x{was.height} is cropped to {width}x{height}, since {need} {sides}"
            )

    def fit_into(self, target: Picture) -> None:
        """Scale into the frame of `target`: in the right shape, with black around it."""
        was = self.picture
        shape = was.sample_aspect_ratio * was.width / was.height
        width, height = target.width, target.height
        # How wide this picture is beside the target, both of one height
        breadth = shape * height / (target.sample_aspect_ratio * width)
        if breadth < 1:
            width = round(width * breadth / 2) * 2
        else:
            height = round(height / breadth / 2) * 2
        if (width, height) != (was.width, was.height):
            self._scale(max(2, width), max(2, height))
        if (width, height) != (target.width, target.height):
            self.steps.append(
                ("pad", f"w={target.width}:h={target.height}:x=(ow-iw)/2:y=(oh-ih)/2")
            )
        self.picture = replace(target, pix_fmt=was.pix_fmt)

    def target_format(self, formats: list[str], wanted: str | None) -> str:
        """The format to encode: what is `wanted`, or that of `formats` nearest to the picture's.

        Raises:
            SettingsError: the encoder does not take what is wanted.
        """
        source = VideoFormat(self.picture.pix_fmt)
        if wanted is not None:
            if wanted not in formats:
                raise SettingsError(
                    f"pix_fmt {wanted!r} is not known to the encoder: choose one of "
                    f"{', '.join(formats)}"
                )
            return wanted
        if source.name in formats and not source.is_rgb:
            return source.name
        if source.is_rgb or source.has_palette:
            chosen = "yuv420p"  # 4:4:4 would be closer, but few players show it
        else:
            closest, _ = find_best_pix_fmt_of_list(formats, source.name)
            chosen = closest.name if closest else formats[0]
        self.notes.append(f"pixel format {source.name} becomes {chosen}, which the encoder takes")
        return chosen

    def convert(self, pix_fmt: str) -> None:
        """Change the pixel format, with the colours kept."""
        was = self.picture
        if pix_fmt == was.pix_fmt:
            return
        if VideoFormat(was.pix_fmt).is_rgb or VideoFormat(was.pix_fmt).has_palette:
            # RGB has no matrix of its own: choose one, and tag it
            self.steps.append(("scale", "out_color_matrix=bt709:out_range=limited"))
            colour = replace(was.colour, matrix=MATRIX_BT709, range=RANGE_LIMITED)
        elif was.colour.matrix == MATRIX_RGB:
            colour = replace(was.colour, matrix=UNSPECIFIED)
        else:
            colour = was.colour
            how = f"interl={int(was.interlaced)}"
            self.steps.append(("scale", ":".join([how, *same_colours(colour)])))
        self.steps.append(("format", pix_fmt))
        self.picture = replace(was, pix_fmt=pix_fmt, colour=colour)

    def _steps(self, pix_fmt: str) -> tuple[int, int]:
        """Columns and rows to a chroma sample; of both fields, where there are two."""
        pixels = VideoFormat(pix_fmt)
        columns = 16 // (pixels.chroma_width(16) or 16)
        rows = 16 // (pixels.chroma_height(16) or 16)
        return columns, rows * (2 if self.picture.interlaced else 1)

    def _crop(self, width: int, height: int, left: int, top: int) -> None:
        self.steps.append(("crop", f"w={width}:h={height}:x={left}:y={top}:exact=1"))
        self.picture = replace(self.picture, width=width, height=height)

    def _scale(self, width: int, height: int) -> None:
        was = self.picture
        how = f"w={width}:h={height}:flags=bicubic:interl={int(was.interlaced)}"
        self.steps.append(("scale", ":".join([how, *same_colours(was.colour)])))
        self.picture = replace(was, width=width, height=height)
