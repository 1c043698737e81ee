"""Scenes: backgrounds with objects painted over them, and which object is visible at each pixel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, cos, pi, sqrt
from typing import NamedTuple
from zlib import crc32

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from demo.drawings import DRAWINGS, OVERSAMPLING, Colour, Pen, Point, Random, dim, pick

STILL_SIZES = ((640, 480), (480, 640), (500, 375), (640, 427))
VIDEO_SIZE = (854, 480)


class Setting(NamedTuple):
    """A background, and the classes of the objects that stand there."""

    gradient: tuple[Colour, Colour, Colour, Colour]  # top, above the horizon, below it, bottom
    horizon: float  # in image heights
    skyline: str  # "houses", "hills" or "paintings"
    skyline_colour: Colour
    strokes: Point  # how far a stroke of the ground's pattern reaches, right and up, in image heights at the bottom
    class_names: tuple[str, ...]


STREET_COLOURS = ((110, 165, 220), (205, 220, 235), (120, 118, 116), (88, 88, 92))
MEADOW_COLOURS = ((90, 150, 220), (200, 225, 240), (130, 165, 80), (70, 120, 50))
ROOM_COLOURS = ((226, 210, 184), (206, 188, 160), (160, 112, 72), (112, 72, 44))
LAKE_COLOURS = ((120, 170, 220), (235, 215, 195), (110, 160, 190), (40, 90, 130))
FIELD_COLOURS = ((70, 130, 215), (190, 215, 240), (170, 172, 160), (130, 132, 124))
STREET = Setting(
    STREET_COLOURS, 0.4, "houses", (150, 130, 120), (0.1, 0), ("person", "car", "bus", "bicycle", "motorbike", "dog")
)
MEADOW = Setting(
    MEADOW_COLOURS, 0.4, "hills", (90, 130, 90), (0.004, 0.03), ("person", "horse", "cow", "sheep", "dog", "bird")
)
ROOM = Setting(
    ROOM_COLOURS,
    0.5,
    "paintings",
    (150, 160, 150),
    (0.3, 0),
    ("person", "cat", "dog", "bottle", "chair", "pottedplant"),
)
LAKE = Setting(LAKE_COLOURS, 0.4, "hills", (110, 130, 130), (0.05, 0.006), ("boat", "bird"))
AIRFIELD = Setting(FIELD_COLOURS, 0.45, "houses", (160, 165, 170), (0.2, 0), ("aeroplane", "person", "bus", "car"))
SETTINGS = (STREET, STREET, MEADOW, MEADOW, ROOM, ROOM, LAKE, AIRFIELD)  # as often as they have classes


@dataclass(frozen=True)
class Thing:
    """One object to paint: its class, its look (a seed), and its place and pose in the image (pixels)."""

    class_name: str
    look: int
    x: float  # middle
    ground: float  # lowest row
    height: float
    flip: bool = False
    phase: float = 0.0  # of the walk, in cycles

    @property
    def box(self) -> tuple[float, float, float, float]:
        half = DRAWINGS[self.class_name].width * self.height / 2
        return self.x - half, self.ground - self.height, self.x + half, self.ground


@dataclass(frozen=True)
class Scene:
    """An image, the label of the instance that is visible at each pixel, and the class of each label."""

    image: Image.Image
    labels: np.ndarray  # (height, width) uint8, 0 where there is no instance
    class_names: dict[int, str]


def make_generator(seed: int, *names: str | int) -> Random:
    """Return the random numbers of one part of a dataset; they do not depend on what else it holds."""
    return np.random.default_rng([seed, crc32("/".join(map(str, names)).encode())])


def add_texture(rng: Random, image: Image.Image, strength: float, cells: tuple[int, ...]) -> Image.Image:
    """Return the image, lighter and darker by smooth noise: the sum of one grid for each number of cells a side."""
    grids = [Image.fromarray(rng.standard_normal((n, n), dtype=np.float32)) for n in cells]
    noise = sum(np.asarray(grid.resize(image.size, Image.Resampling.BICUBIC)) for grid in grids)
    factor = 1 + strength * noise[..., None] / sqrt(len(grids))
    return Image.fromarray(np.clip(np.asarray(image) * factor, 0, 255).astype(np.uint8))


def draw_background(rng: Random, setting: Setting, size: tuple[int, int]) -> Image.Image:
    """Return a setting without objects, of a size (width, height)."""
    width, height = size
    horizon = setting.horizon * height
    light = rng.uniform(0.85, 1.1) + rng.uniform(-0.06, 0.06, 3)
    stops = np.clip(np.array(setting.gradient) * light, 0, 255)
    rows = [np.interp(range(height), (0, horizon, horizon + 1, height), channel) for channel in stops.T]
    image = Image.fromarray(np.tile(np.stack(rows, axis=-1)[:, None], (1, width, 1)).astype(np.uint8))
    canvas = ImageDraw.Draw(image)
    for left in np.linspace(0, width, 7, endpoint=False) + rng.uniform(-30, 30, 7):
        colour, top = pick(rng, (setting.skyline_colour,)), horizon - rng.uniform(0.08, 0.26) * height
        right = left + width / rng.uniform(6, 9)
        match setting.skyline:
            case "hills":
                canvas.pieslice((2 * left - right, top, 2 * right - left, 2 * horizon - top), 180, 360, colour)
            case "houses":
                canvas.rectangle((left, top, right, horizon), colour)
                for y in np.arange(top + 8, horizon - 12, 18):
                    for x in np.arange(left + 8, right - 10, 18):
                        canvas.rectangle((x, y, x + 7, y + 9), dim(colour, 0.7))
            case "paintings":
                canvas.rectangle((left, 0.2 * top, right - 0.04 * width, 0.5 * top), colour, dim(colour, 0.6), 4)
    # Strokes of the ground lie closer together and are smaller towards the horizon.
    for depth in rng.uniform(0.05, 1, 140):
        x, y = rng.uniform(0, width), horizon + depth**2 * (height - horizon)
        right, up = np.multiply(setting.strokes, height * depth * rng.uniform(0.6, 1.4))
        shade = dim(image.getpixel((int(x), min(int(y), height - 1))), rng.choice((0.88, 1.1)))
        canvas.line((x, y, x + right, y - up), shade, max(1, round(0.006 * height * depth)))
    return add_texture(rng, image, rng.uniform(0.03, 0.07), (5, 20, 80, 240))


def draw_thing(thing: Thing) -> Image.Image:
    """Return the thing alone on a transparent RGBA layer, as large as its box."""
    rng = np.random.default_rng(thing.look)
    drawing = DRAWINGS[thing.class_name]
    pen = Pen(drawing.width, thing.height)
    drawing.draw(pen, rng, thing.phase)
    layer = pen.layer.reduce(OVERSAMPLING)
    # Things of one class and height differ in width.
    slim = layer.resize((ceil(rng.uniform(0.85, 1) * layer.width), layer.height))
    layer = ImageOps.pad(slim, layer.size, color=(0, 0, 0, 0))
    image = add_texture(rng, layer.convert("RGB"), rng.uniform(0.5, 1.5) * drawing.texture, (8, 48))
    image.putalpha(layer.getchannel("A"))
    return ImageOps.mirror(image) if thing.flip else image


def paint_scene(background: Image.Image, things: dict[int, Thing]) -> Scene:
    """Paint things, by label, over a background: the nearer ones (lower in the image) over those farther away."""
    image = background.copy()
    labels = Image.new("L", image.size)
    for label, thing in sorted(things.items(), key=lambda item: item[1].ground):
        layer = draw_thing(thing)
        alpha = layer.getchannel("A")
        corner = round(thing.box[0]), round(thing.box[1])
        image.paste(layer, corner, alpha)
        labels.paste(label, corner, alpha.point(lambda value: 255 * (value >= 128)))
    return Scene(image, np.asarray(labels), {label: thing.class_name for label, thing in things.items()})


def measure_overlap(a: Thing, b: Thing) -> float:
    """Return the share of the smaller box that lies in the other box."""
    (a0, a1, a2, a3), (b0, b1, b2, b3) = a.box, b.box
    shared = max(0.0, min(a2, b2) - max(a0, b0)) * max(0.0, min(a3, b3) - max(a1, b1))
    return shared / min((a2 - a0) * (a3 - a1), (b2 - b0) * (b3 - b1))


def place_thing(
    rng: Random, class_name: str, setting: Setting, size: tuple[int, int], others: list[Thing]
) -> Thing | None:
    """Return a thing of a class that leaves the others mostly visible, or None if there is no room for it."""
    width, height = size
    look, aspect = int(rng.integers(2**32)), DRAWINGS[class_name].width
    # The box's share of the image: one object in eight is far away.
    share = rng.uniform(0.006, 0.012) if rng.random() < 0.125 else rng.uniform(0.06, 0.22)
    for _ in range(40):
        tall = min(sqrt(share * width * height / aspect), 0.8 * height, 0.7 * width / aspect)
        depth = min(1, sqrt(tall / height) + rng.uniform(-0.1, 0.2))
        ground = max(tall, (setting.horizon + (0.98 - setting.horizon) * depth) * height)
        # Up to a twentieth of the object may lie outside the image.
        margin = 0.45 * aspect * tall
        x = rng.uniform(margin, width - margin)
        thing = Thing(class_name, look, x, ground, tall, rng.random() < 0.5, rng.random())
        if all(measure_overlap(thing, other) < 0.3 for other in others):
            return thing
        share *= 0.97
    return None


def compose_still(seed: int, *names: str | int, crowd: bool = False) -> Scene:
    """Return the scene of one still image.

    Parameters
    ----------
    seed, names
        Seed of the dataset, and name of the image (its dataset, split and number). They determine the scene.
    crowd
        Whether a crowd stands far away, as one more instance of the class "crowd".
    """
    rng = make_generator(seed, *names)
    size = STILL_SIZES[rng.integers(len(STILL_SIZES))]
    setting = STREET if crowd else SETTINGS[rng.integers(len(SETTINGS))]
    class_names = rng.permutation(setting.class_names)[: rng.integers(2, 5)].tolist()
    if rng.random() < 0.6:
        class_names.insert(1, class_names[0])
    things = [Thing("crowd", 0, size[0] / 2, (setting.horizon + 0.02) * size[1], 0.11 * size[1])] if crowd else []
    for class_name in class_names:
        thing = place_thing(rng, class_name, setting, size, things)
        if thing:
            things.append(thing)
    return paint_scene(draw_background(rng, setting, size), dict(enumerate(things, start=1)))


def compose_video(seed: int, sequence: str, objects: Mapping[int, str], frames: int) -> Iterator[Scene]:
    """Yield the frames of one video.

    Its objects walk across, towards the camera or away from it, and pass in front of each other.

    Parameters
    ----------
    seed, sequence
        Seed of the dataset, and name of the video.
    objects
        Class of each object by its label.
    frames
        Number of frames.
    """
    rng = make_generator(seed, "davis", sequence)
    width, height = VIDEO_SIZE
    background = draw_background(rng, (STREET, MEADOW, AIRFIELD)[rng.integers(3)], VIDEO_SIZE)
    looks = rng.integers(2**32, size=len(objects)).tolist()
    # Per object: where it starts and how far it goes (image widths), its mean height (image heights) and the share by
    # which that changes, and its number of strides.
    bounds = ((0.05, 0.12), (0.5, 0.55), (0.45, 0.55), (0.2, 0.3), (4, 6))
    walks = np.transpose([rng.uniform(*bound, len(objects)) for bound in bounds])
    for time in np.linspace(0, 1, frames):
        things = {}
        for k, (label, class_name) in enumerate(objects.items()):
            start, way, mean, change, strides = walks[k]
            # Every other object walks from right to left, and shrinks while its neighbours grow; two that walk the
            # same way keep apart.
            flip = k % 2 == 1
            x = start + 0.2 * (k // 2) + way * time
            tall = height * mean * (1 + change * cos(pi * (1.5 * time + k)))
            # The camera looks down: those farther away stand higher, and their heads show behind the nearer ones.
            ground = 0.12 * height + 1.2 * tall
            things[label] = Thing(
                class_name, looks[k], width * (1 - x if flip else x), ground, tall, flip, strides * time
            )
        yield paint_scene(background, things)
