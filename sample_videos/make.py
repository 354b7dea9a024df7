"""Make the sample clips: photographs under camera moves, generators, credits.

Every random choice is seeded, so each run draws the same pictures.  The
photographs are those inside the scikit-image wheel whose documentation
states that they may be used freely:

    astronaut          NASA Great Images        public domain
    brick              CC0Textures, Bricks25    CC0
    camera             Lav Varshney             CC0
    cat                Stefan van der Walt      CC0
    coffee             Rachel Michetti          CC0
    gravel             CC0Textures, Gravel04    CC0
    hubble_deep_field  NASA, HubbleSite         public domain
    retina             Mikael Häggström         CC0
    rocket             SpaceX                   public domain
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Literal, TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from skimage import data

Picture: TypeAlias = NDArray[np.float32]  # RGB from 0 to 255, not yet rounded
Shot: TypeAlias = Iterator[Picture]
View: TypeAlias = tuple[float, float, float]  # x, y, width in parts of a photograph
Coding: TypeAlias = tuple[Literal["libx264", "libx265"], str, dict[str, str]]

SOUND_RATE = 48_000
BT709 = 1  # the same number stands for its primaries, transfer and matrix

# Some photographs come in grey; these are dark, light and middle of their colour.
TINTS = {
    "brick": ("#140806", "#ffe2c8", "#9a4a34"),
    "gravel": ("#0c0e14", "#fffaf0", "#8a8378"),
}
CREDITS = """\
A TOUR OF SHOTS

Rocket by SpaceX
Astronaut by NASA
Gravel and bricks by CC0Textures
Coffee by Rachel Michetti
Photographer by Lav Varshney
Cat by Stefan van der Walt
Galaxies by NASA and Hubble
Fractal and cells by FFmpeg"""


@dataclass(frozen=True)
class Camera:
    """A picture size and a frame rate to shoot at."""

    width: int
    height: int
    rate: int

    def film(self, photo: Image.Image, frames: int, *views: View, shake: float = 0) -> Shot:
        """Move over a photograph from view to view, with the shake of a hand."""
        path = [_glide(stations, frames) for stations in zip(*views, strict=True)]
        size, whole = (self.width, self.height), np.array(photo.size)
        for frame, (x, y, width) in enumerate(zip(*path, strict=True)):
            view = min(width, 1) * photo.width * np.divide(size, self.width)
            # Beats that never fall together are as good as chance.
            beats = np.sin(frame / self.rate * np.array([(5.1, 6.7), (13.7, 11.9)]))
            corner = whole * (x, y) - view / 2 + shake * view[0] * beats.sum(axis=0)
            corner = np.clip(corner, 0, whole - view)
            box = (*corner, *(corner + view))
            scaled = photo.resize(size, Image.Resampling.LANCZOS, box)
            yield np.asarray(scaled, np.float32)

    def generate(self, frames: int, *filters: tuple[str, str]) -> Shot:
        """Run one of FFmpeg's sources, and the filters after it."""
        graph = av.filter.Graph()
        scale = ("scale", f"{self.width}:{self.height}:flags=neighbor")
        steps = (*filters, scale, ("format", "rgb48le"), ("buffersink", ""))
        graph.link_nodes(*(graph.add(*step) for step in steps)).configure()
        for _ in range(frames):
            yield (graph.vpull().to_ndarray() / 257).astype(np.float32)


def _glide(stations: tuple[float, ...], frames: int) -> NDArray[np.float64]:
    """Go from station to station; a camera has mass, so it rounds the corners."""
    legs = np.linspace(0, len(stations) - 1, frames)
    path = np.interp(legs, range(len(stations)), stations)
    longer = np.pad(path, 10, mode="reflect", reflect_type="odd")
    return np.convolve(longer, np.full(21, 1 / 21), mode="valid")


def photograph(name: str) -> Image.Image:
    """Load a photograph that scikit-image carries with it."""
    photo = Image.fromarray(getattr(data, name)())
    tint = TINTS.get(name)
    return ImageOps.colorize(photo, *tint) if tint else photo.convert("RGB")


def credits_roll(width: int) -> Image.Image:
    """Write the credits on a tall strip, in the font that comes with Pillow."""
    strip = Image.new("RGB", (width, width), "#07080c")
    font = ImageFont.load_default(size=width / 26)
    ImageDraw.Draw(strip).multiline_text(
        (width / 2, width / 2), CREDITS, "#ece7da", font, "mm", width / 32, "center"
    )
    return strip


def expose(shot: Shot, light: float, grain: float, seed: int) -> Shot:
    """Dim a shot and lay film grain over it: noise in the light, not the colour."""
    rng = np.random.default_rng(seed)
    for picture in shot:
        height, width = picture.shape[:2]
        noise = rng.normal(0, grain, (height // 2, width // 2)).astype(np.float32)
        # Grain is coarser than a pixel.
        coarse = np.asarray(Image.fromarray(noise).resize((width, height)))
        yield picture * light + coarse[..., np.newaxis]


def dissolve(leaving: Shot, entering: Shot, before: int, frames: int) -> Shot:
    """Show one shot alone, then blend it into the next over some frames."""
    yield from islice(leaving, before)
    for weight in np.linspace(0, 1, frames + 2, dtype=np.float32)[1:-1]:
        yield (1 - weight) * next(leaving) + weight * next(entering)
    yield from entering


def tour(camera: Camera) -> list[Shot]:
    """Show twelve shots that cost an encoder very different amounts."""
    film = camera.film
    sky = ImageOps.colorize(Image.radial_gradient("L"), "#ffdca0", "#0e1842", "#c8646c")
    size = f"size={camera.width}x{camera.height}:rate={camera.rate}"
    branch = "start_x=-0.16:start_y=1.04:start_scale=0.4:end_scale=0.2:end_pts=60"
    fractal = f"{size}:{branch}:maxiter=40:inner=black"
    colours = "life_color=#ffd27f:death_color=#a04018:mold_color=#1c2440"
    cells = f"size=160x90:seed=7:ratio=0.1:mold=10:{colours}"
    rocket, cat, stars = map(photograph, ("rocket", "cat", "hubble_deep_field"))
    gravel, brick = map(photograph, ("gravel", "brick"))
    coffee = film(photograph("coffee"), 69, (0.5, 0.5, 0.95))
    photographer = film(photograph("camera"), 24, (0.4, 0.3, 0.7), (0.5, 0.3, 0.7))
    return [
        film(sky, 54, (0.5, 0.4, 0.8), (0.45, 0.3, 0.7)),
        film(rocket, 48, (0.5, 0.75, 0.7), (0.5, 0.45, 0.84)),
        film(photograph("astronaut"), 51, (0.3, 0.3, 0.6), (0.5, 0.2, 0.6)),
        film(gravel, 30, (0.5, 0.5, 0.9), (0.4, 0.5, 0.7), shake=0.004),
        expose(coffee, light=1, grain=0.4, seed=5),
        camera.generate(24, ("mandelbrot", fractal), ("hue", "h=60:s=0.7")),
        film(brick, 24, (0.25, 0.2, 0.5), (0.75, 0.8, 0.5)),
        expose(photographer, light=0.4, grain=1.6, seed=8),
        film(cat, 51, (0.5, 0.4, 0.9), (0.52, 0.38, 0.7)),
        camera.generate(24, ("life", cells)),
        film(stars, 32, (0.45, 0.45, 0.5), (0.55, 0.55, 0.55)),
        film(credits_roll(camera.width), 49, (0.5, 0.3, 1), (0.5, 0.6, 1)),
    ]


def walk(camera: Camera) -> list[Shot]:
    """Walk along a wall of photographs in one take, with a flash midway."""
    first = ("astronaut", "brick", "cat", "rocket", "gravel")
    last = ("coffee", "camera", "hubble_deep_field", "retina")
    wall = Image.new("RGB", (3 * 640, 3 * 360))
    for place, name in enumerate(first + last):
        tile = ImageOps.fit(photograph(name), (640, 360), centering=(0.5, 0.2))
        wall.paste(tile, (place % 3 * 640, place // 3 * 360))
    near, middle, far = 1 / 6, 1 / 2, 5 / 6
    stations = [(x, near, 0.34) for x in (near, middle, far)]
    stations += [(x, middle, 0.36) for x in (far, middle, near)]
    take = camera.film(wall, 240, *stations, (middle, middle, 1), shake=0.003)
    bleached = (
        255 - (255 - picture) * np.float32(0.3) if frame in (120, 121) else picture
        for frame, picture in enumerate(take)
    )
    return [bleached]


def portrait(camera: Camera) -> list[Shot]:
    """Hold a telephone upright; the second and the third shot dissolve."""
    film = camera.film
    coffee, cat, rocket = map(photograph, ("coffee", "cat", "rocket"))
    leaving = film(cat, 100, (0.35, 0.5, 0.37), (0.6, 0.5, 0.37))
    entering = film(rocket, 90, (0.5, 0.6, 0.3), (0.5, 0.5, 0.37))
    return [
        film(coffee, 80, (0.4, 0.5, 0.3), (0.5, 0.4, 0.36), shake=0.01),
        dissolve(leaving, entering, before=70, frames=30),
    ]


def dark(camera: Camera) -> list[Shot]:
    """Shoot at night on fast film."""
    rocket, stars, retina = map(photograph, ("rocket", "hubble_deep_field", "retina"))
    launch = camera.film(rocket, 45, (0.4, 0.6, 0.7), (0.5, 0.6, 0.7))
    field = camera.film(stars, 40, (0.5, 0.5, 0.6), (0.55, 0.5, 0.6))
    planet = camera.film(retina, 40, (0.45, 0.3, 0.8), (0.5, 0.35, 0.9))
    return [
        expose(launch, light=0.4, grain=3, seed=1),
        expose(field, light=0.5, grain=2, seed=2),
        expose(planet, light=0.2, grain=1.5, seed=3),
    ]


@dataclass(frozen=True)
class Clip:
    """A file to make: its shots, their coding and their times."""

    name: str
    camera: Camera
    shots: Callable[[Camera], list[Shot]]
    coding: Coding
    first_pts: int = 0
    dropped: frozenset[int] = frozenset()
    turned: bool = False
    sound: int = 0  # in seconds


X264: Coding = ("libx264", "yuv420p", {"crf": "18", "preset": "slow"})
DEEP: Coding = ("libx264", "yuv420p10le", {"crf": "20", "preset": "slow"})
X265: Coding = ("libx265", "yuv420p", {"crf": "23", "x265-params": "log-level=none"})
DROPPED = frozenset(range(3, 240, 7)) | frozenset(range(8, 240, 25))
CLIPS = (
    Clip("tour.mp4", Camera(1280, 720, 24), tour, X264, sound=20),
    Clip("walk.mkv", Camera(768, 432, 30), walk, X265, first_pts=15, dropped=DROPPED),
    Clip("portrait.mp4", Camera(360, 640, 60), portrait, X264, turned=True),
    Clip("dark.mkv", Camera(640, 360, 25), dark, DEEP),
)


def soundtrack(seconds: int) -> av.AudioFrame:
    """Play a quiet tone that wanders up and down over a bed of noise."""
    time = np.arange(seconds * SOUND_RATE) / SOUND_RATE
    tone = 0.05 * np.sin(2 * np.pi * 330 * time + 500 * np.sin(time))
    noise = np.random.default_rng(11).normal(0, 0.004, (2, time.size))
    sound = (tone + noise).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
    frame.sample_rate = SOUND_RATE
    return frame


def frames(clip: Clip) -> Iterator[av.VideoFrame]:
    """Round the pictures of a clip for its encoder and stamp their times on them."""
    _, pixels, _ = clip.coding
    for number, picture in enumerate(chain.from_iterable(clip.shots(clip.camera))):
        if number in clip.dropped:
            continue
        deep = np.rint(np.clip(picture, 0, 255) * 257).astype(np.uint16)
        coded = np.rot90(deep) if clip.turned else deep
        frame = av.VideoFrame.from_ndarray(coded, format="rgb48le")
        frame = frame.reformat(format=pixels, dst_colorspace=Colorspace.ITU709)
        frame.pts = clip.first_pts + number
        frame.time_base = Fraction(1, clip.camera.rate)
        yield frame


def write(clip: Clip, folder: Path) -> None:
    """Encode a clip into a folder."""
    codec, pixels, options = clip.coding
    # Without bitexact, Matroska gives every file another random identifier; with
    # no limit to the delta, the muxer interleaves the sound, which comes first.
    muxing = {"fflags": "+bitexact", "max_interleave_delta": "0"}
    with av.open(folder / clip.name, "w", options=muxing) as file:
        video = file.add_stream(codec, clip.camera.rate, options)
        video.width, video.height = clip.camera.width, clip.camera.height
        if clip.turned:
            video.width, video.height = video.height, video.width
            video.set_display_rotation(-90)
        video.pix_fmt = pixels
        video.color_primaries = video.color_trc = video.colorspace = BT709
        video.color_range = ColorRange.MPEG
        video.codec_context.time_base = Fraction(1, clip.camera.rate)
        video.codec_context.thread_type = "AUTO"
        video.codec_context.thread_count = 2  # as each number codes differently
        if clip.sound:
            audio = file.add_stream("aac", SOUND_RATE, layout="stereo", bit_rate=64_000)
            file.mux(audio.encode(soundtrack(clip.sound)) + audio.encode())
        for frame in frames(clip):
            file.mux(video.encode(frame))
        file.mux(video.encode())


def main() -> None:
    """Write the sample clips."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for clip in CLIPS:
        write(clip, folder)


if __name__ == "__main__":
    main()
