"""How an object of each class is drawn: shapes in units of its height, and colours picked at random."""

from collections.abc import Callable
from math import ceil, cos, pi, sin
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Random = np.random.Generator

OVERSAMPLING = 2

PAINT = ((200, 40, 40), (40, 80, 180), (235, 235, 235), (60, 60, 66), (230, 180, 40), (40, 130, 90), (230, 110, 40))
SKIN = ((240, 200, 170), (205, 150, 115), (140, 92, 64), (92, 58, 40))
HAIR = ((40, 28, 22), (96, 60, 30), (200, 160, 80), (130, 130, 130))
CLOTH = ((40, 50, 90), (50, 50, 54), (120, 100, 70), (90, 110, 140))
FUR = ((150, 100, 55), (70, 52, 40), (205, 170, 120), (230, 220, 205))
TABBY = ((220, 140, 60), (120, 116, 112), (60, 56, 56), (235, 225, 210))
COAT = ((120, 66, 34), (84, 46, 26), (60, 50, 46), (170, 120, 76))
WOOL = ((236, 230, 216), (214, 204, 184))
PLUMAGE = ((50, 110, 190), (190, 60, 50), (130, 100, 70), (225, 170, 40))
HIDE = ((235, 230, 220), (150, 96, 56), (60, 46, 40), (205, 180, 140))
TIMBER = ((150, 100, 60), (96, 62, 36), (210, 175, 125), (235, 232, 225))
CLAY = ((190, 100, 66), (90, 110, 130), (225, 215, 200), (120, 70, 60))
LEAF = ((60, 130, 60), (90, 150, 70), (40, 100, 70))
GLASS = ((30, 110, 60), (110, 62, 24), (70, 130, 180), (150, 30, 60))
WINDOW, RUBBER, CHROME, BLACK, WHITE = (175, 210, 230), (34, 34, 38), (190, 190, 195), (20, 20, 22), (245, 245, 245)
LAMP, BEAK, HORN = (255, 240, 170), (240, 150, 30), (225, 210, 180)


class Pen:
    """Draws on a transparent layer in units of the object's height; y is 0 at the top and 1 on the ground.

    Methods are called what Pillow calls its shapes.
    """

    def __init__(self, width: float, height: float):
        self.scale = OVERSAMPLING * height
        self.layer = Image.new("RGBA", (ceil(width * self.scale), ceil(self.scale)))
        self.canvas = ImageDraw.Draw(self.layer)

    def polygon(self, fill: Colour, *points: Point) -> None:
        self.canvas.polygon([(x * self.scale, y * self.scale) for x, y in points], fill)

    def ellipse(self, fill: Colour, x: float, y: float, rx: float, ry: float) -> None:
        self.canvas.ellipse([v * self.scale for v in (x - rx, y - ry, x + rx, y + ry)], fill)

    def ring(self, fill: Colour, x: float, y: float, r: float, width: float) -> None:
        box = [v * self.scale for v in (x - r, y - r, x + r, y + r)]
        self.canvas.ellipse(box, outline=fill, width=max(1, round(width * self.scale)))

    def box(self, fill: Colour, left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> None:
        self.canvas.rounded_rectangle([v * self.scale for v in (left, top, right, bottom)], radius * self.scale, fill)

    def line(self, fill: Colour, width: float, *points: Point) -> None:
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.canvas.line(scaled, fill, max(1, round(width * self.scale)), joint="curve")
        for x, y in (points[0], points[-1]):
            self.ellipse(fill, x, y, width / 2, width / 2)

    def wheel(self, x: float, radius: float) -> None:
        for colour, share in ((RUBBER, 1), (CHROME, 0.55), (RUBBER, 0.15)):
            self.ellipse(colour, x, 1 - radius, share * radius, share * radius)

    def four_legs(self, fill: Colour, hoof: Colour, back: float, front: float, top: float, width: float, phase: float):
        swing = 0.1 * sin(2 * pi * phase)
        for shift, colour in ((-swing, dim(fill, 0.75)), (swing, fill)):
            for hip, foot in ((back, back - shift), (front, front + shift)):
                self.line(colour, width, (hip, top), ((hip + foot) / 2 - 0.02, (top + 1) / 2), (foot, 0.95))
                self.ellipse(hoof, foot + width * 0.2, 0.965, width * 0.7, 0.033)


def pick(rng: Random, palette: tuple[Colour, ...]) -> Colour:
    """Return a colour close to a random one of the palette."""
    return tuple(np.clip(rng.choice(palette) + rng.integers(-14, 15, 3), 0, 255).tolist())


def dim(colour: Colour, factor: float) -> Colour:
    """Return a colour darkened, or lightened by a factor over 1."""
    return tuple(min(255, round(channel * factor)) for channel in colour)


def draw_person(pen: Pen, rng: Random, phase: float) -> None:
    skin, hair, shirt, cloth, shoe, trim = (pick(rng, palette) for palette in (SKIN, HAIR, PAINT, CLOTH, CLOTH, PAINT))
    build, long_hair, striped = rng.uniform(0.85, 1.2), *(rng.random(2) < 0.45)
    stride, bend = 0.11 * sin(2 * pi * phase), 0.04 * abs(cos(2 * pi * phase))
    left, right = 0.25 - 0.1 * build, 0.25 + 0.1 * build

    def arm(swing: float, shade: float) -> None:
        pen.line(skin, 0.05, (0.25 + swing / 2, 0.4), (0.26 + swing, 0.53))
        pen.line(dim(shirt, shade), 0.068, (0.25, 0.22), (0.24 + swing / 2, 0.38))

    arm(stride, 0.75)
    for swing, shade in ((-stride, 0.75), (stride, 1)):
        knee, foot = 0.27 + swing * 0.6 + bend, 0.25 + swing
        pen.line(dim(cloth, shade), 0.092 * build, (0.25, 0.54), (knee, 0.75), (foot, 0.93))
        pen.ellipse(shoe, foot + 0.025, 0.97, 0.06, 0.027)
    pen.box(shirt, left, 0.175, right, 0.56, 0.05)
    if striped:
        for y in np.arange(0.24, 0.54, 0.075):
            pen.box(trim, left, y, right, y + 0.03)
    arm(-stride, 0.88)
    pen.box(skin, 0.225, 0.14, 0.275, 0.19)
    if long_hair:
        pen.box(hair, 0.175, 0.04, 0.25, 0.22, 0.03)
    pen.ellipse(hair, 0.245, 0.079, 0.078, 0.079)
    pen.ellipse(skin, 0.264, 0.1, 0.06, 0.07)
    pen.ellipse(BLACK, 0.292, 0.09, 0.01, 0.01)


def draw_crowd(pen: Pen, rng: Random, phase: float) -> None:
    for x in np.arange(0.2, 3.8, 0.2):
        skin, hair, shirt, cloth = (pick(rng, palette) for palette in (SKIN, HAIR, PAINT, CLOTH))
        top = rng.uniform(0, 0.15)
        pen.box(cloth, x - 0.1, 0.5, x + 0.1, 1)
        pen.box(shirt, x - 0.14, top + 0.2, x + 0.14, 0.6, 0.06)
        pen.ellipse(hair, x, top + 0.09, 0.075, 0.09)
        pen.ellipse(skin, x, top + 0.12, 0.06, 0.07)


def draw_car(pen: Pen, rng: Random, phase: float) -> None:
    paint, front, back = pick(rng, PAINT), rng.uniform(1.65, 1.85), rng.uniform(0.2, 0.5)
    pen.polygon(paint, (back, 0.5), (back + 0.25, 0.05), (front - 0.45, 0.05), (front, 0.5))
    pen.polygon(WINDOW, (back + 0.12, 0.47), (back + 0.3, 0.13), (1.0, 0.13), (1.0, 0.47))
    pen.polygon(WINDOW, (1.08, 0.47), (1.08, 0.13), (front - 0.49, 0.13), (front - 0.13, 0.47))
    pen.box(paint, 0.04, 0.45, 2.26, 0.84, 0.14)
    pen.box(dim(paint, 0.6), 0.1, 0.76, 2.2, 0.84)
    pen.line(dim(paint, 0.7), 0.02, (1.04, 0.48), (1.04, 0.78))
    pen.ellipse(LAMP, 2.18, 0.58, 0.07, 0.06)
    pen.box((190, 20, 20), 0.05, 0.54, 0.13, 0.66)
    pen.wheel(0.5, 0.22)
    pen.wheel(1.78, 0.22)


def draw_bus(pen: Pen, rng: Random, phase: float) -> None:
    paint, trim, windows = pick(rng, PAINT), pick(rng, PAINT), int(rng.integers(4, 7))
    pen.box(paint, 0.02, 0.02, 2.18, 0.9, 0.08)
    pen.box(trim, 0.02, 0.58, 2.18, 0.66)
    for left in np.linspace(0.1, 1.75, windows, endpoint=False):
        pen.box(WINDOW, left, 0.2, left + 1.65 / windows - 0.06, 0.5, 0.03)
    pen.box(dim(WINDOW, 0.8), 1.78, 0.2, 1.96, 0.86)
    pen.box(WINDOW, 2.02, 0.18, 2.17, 0.52)
    pen.box(BLACK, 1.2, 0.06, 1.9, 0.15)
    pen.line(LAMP, 0.03, (1.27, 0.105), (1.83, 0.105))
    pen.ellipse(LAMP, 2.11, 0.75, 0.05, 0.05)
    pen.wheel(0.45, 0.16)
    pen.wheel(1.55, 0.16)


def draw_bicycle(pen: Pen, rng: Random, phase: float) -> None:
    paint = pick(rng, PAINT)
    rear, front, pedals, seat, head = (0.34, 0.66), (1.3, 0.66), (0.75, 0.7), (0.62, 0.25), (1.14, 0.25)
    for hub in (rear, front):
        pen.ring(RUBBER, *hub, 0.33, 0.065)
        pen.ellipse(CHROME, *hub, 0.06, 0.06)
    for tube in ((rear, pedals, head, (0.64, 0.3), rear), (pedals, seat), (front, head, (1.1, 0.1))):
        pen.line(paint, 0.06, *tube)
    pen.line(BLACK, 0.06, (1.02, 0.07), (1.1, 0.07), (1.22, 0.14))
    pen.line(BLACK, 0.08, (0.5, 0.19), (0.74, 0.19))
    pen.ellipse(CHROME, *pedals, 0.09, 0.09)


def draw_bird(pen: Pen, rng: Random, phase: float) -> None:
    plume, tail = pick(rng, PLUMAGE), rng.uniform(0.54, 0.7)
    for x in (0.62, 0.74):
        pen.line(dim(BEAK, 0.75), 0.035, (x, 0.75), (x, 0.97), (x + 0.08, 0.97))
    pen.polygon(dim(plume, 0.6), (0.45, 0.42), (0.02, tail), (0.06, tail + 0.16), (0.5, 0.68))
    pen.ellipse(plume, 0.66, 0.54, 0.36, 0.26)
    pen.ellipse(dim(plume, 1.5), 0.78, 0.63, 0.2, 0.16)
    pen.polygon(BEAK, (1.0, 0.18), (1.0, 0.32), (1.22, 0.27))
    pen.ellipse(plume, 0.89, 0.24, 0.19, 0.19)
    pen.ellipse(WHITE, 0.95, 0.2, 0.05, 0.05)
    pen.ellipse(BLACK, 0.96, 0.2, 0.03, 0.03)
    pen.polygon(dim(plume, 0.65), (0.8, 0.42), (0.55, 0.38), (0.2, tail), (0.45, 0.68), (0.7, 0.62))
    for step in (0.0, 0.08, 0.16):
        pen.line(dim(plume, 0.45), 0.018, (0.66 - step, 0.5 + step / 3), (0.36 - step / 2, 0.62 + step / 4))


def draw_cat(pen: Pen, rng: Random, phase: float) -> None:
    fur, tail = pick(rng, TABBY), rng.uniform(0.42, 0.55)
    stripe, pale, pink = dim(fur, 0.6), dim(fur, 1.35), (225, 140, 140)
    pen.line(fur, 0.09, (0.5, 0.93), (0.78, 0.9), (0.86, 0.7), (0.8, tail))
    pen.ellipse(fur, 0.42, 0.75, 0.29, 0.24)
    pen.ellipse(fur, 0.42, 0.56, 0.2, 0.24)
    pen.ellipse(pale, 0.42, 0.62, 0.1, 0.16)
    for side in (-1, 1):
        for y in (0.66, 0.75, 0.84):
            pen.line(stripe, 0.025, (0.42 + side * 0.25, y), (0.42 + side * 0.15, y + 0.02))
        pen.line(fur, 0.1, (0.42 + side * 0.08, 0.68), (0.42 + side * 0.08, 0.94))
        pen.ellipse(pale, 0.42 + side * 0.08, 0.955, 0.065, 0.04)
        pen.polygon(fur, (0.42 + side * 0.22, 0.02), (0.42 + side * 0.21, 0.26), (0.42 + side * 0.04, 0.14))
        pen.polygon(pink, (0.42 + side * 0.19, 0.07), (0.42 + side * 0.17, 0.18), (0.42 + side * 0.1, 0.13))
    pen.ellipse(fur, 0.42, 0.28, 0.24, 0.19)
    pen.ellipse(pale, 0.42, 0.37, 0.11, 0.075)
    for side in (-1, 0, 1):
        pen.line(stripe, 0.022, (0.42 + side * 0.06, 0.11), (0.42 + side * 0.06, 0.18))
    for side in (-1, 1):
        pen.ellipse((120, 190, 80), 0.42 + side * 0.1, 0.26, 0.045, 0.04)
        pen.ellipse(BLACK, 0.42 + side * 0.1, 0.26, 0.014, 0.036)
    pen.polygon(pink, (0.385, 0.325), (0.455, 0.325), (0.42, 0.365))


def draw_dog(pen: Pen, rng: Random, phase: float) -> None:
    fur, ear, collar, patched = pick(rng, FUR), pick(rng, COAT), pick(rng, PAINT), rng.random() < 0.5
    pen.line(fur, 0.07, (0.2, 0.42), (0.09, 0.28), (0.08, 0.13))
    pen.four_legs(fur, dim(fur, 1.2), 0.27, 0.85, 0.58, 0.12, phase)
    pen.box(fur, 0.14, 0.36, 0.98, 0.7, 0.16)
    if patched:
        pen.ellipse(ear, 0.42, 0.47, 0.17, 0.1)
    pen.polygon(fur, (0.75, 0.42), (0.95, 0.14), (1.12, 0.3), (0.97, 0.6))
    pen.line(collar, 0.06, (0.83, 0.36), (1.02, 0.48))
    pen.box(fur, 1.02, 0.18, 1.38, 0.36, 0.08)
    pen.ellipse(fur, 1.04, 0.2, 0.18, 0.17)
    pen.ellipse(BLACK, 1.36, 0.22, 0.045, 0.04)
    pen.line(dim(fur, 0.5), 0.02, (1.2, 0.31), (1.36, 0.3))
    pen.ellipse(BLACK, 1.13, 0.16, 0.028, 0.028)
    pen.ellipse(ear, 0.94, 0.25, 0.075, 0.16)


def draw_horse(pen: Pen, rng: Random, phase: float) -> None:
    coat, mane, blaze = pick(rng, COAT), dim(pick(rng, HAIR), 0.8), rng.random() < 0.6
    pen.line(mane, 0.08, (0.15, 0.4), (0.07, 0.52), (0.06, 0.74))
    pen.four_legs(coat, BLACK, 0.25, 0.76, 0.56, 0.08, phase)
    pen.box(coat, 0.12, 0.34, 0.88, 0.63, 0.14)
    pen.polygon(mane, (0.66, 0.36), (0.86, 0.04), (0.98, 0.05), (0.8, 0.42))
    pen.polygon(coat, (0.7, 0.42), (0.9, 0.07), (1.04, 0.16), (0.87, 0.56))
    pen.polygon(coat, (0.9, 0.07), (1.0, 0.06), (1.2, 0.28), (1.15, 0.36), (1.08, 0.35), (0.95, 0.22))
    pen.polygon(coat, (0.92, 0.1), (0.94, 0.01), (0.99, 0.09))
    pen.ellipse(dim(coat, 0.6), 1.15, 0.32, 0.05, 0.045)
    if blaze:
        pen.line(WHITE, 0.025, (1.02, 0.11), (1.14, 0.25))
    pen.ellipse(BLACK, 1.0, 0.14, 0.016, 0.018)


def draw_sheep(pen: Pen, rng: Random, phase: float) -> None:
    wool, face = pick(rng, WOOL), pick(rng, HAIR[:2])
    pen.four_legs(face, BLACK, 0.4, 0.92, 0.7, 0.09, phase)
    pen.ellipse(wool, 0.65, 0.45, 0.5, 0.31)
    for angle in np.arange(0, 2 * pi, pi / 8):
        pen.ellipse(wool, 0.65 + 0.48 * cos(angle), 0.45 + 0.28 * sin(angle), 0.12, 0.12)
    for x, y in rng.uniform((0.25, 0.22), (1.05, 0.68), (28, 2)):
        pen.ring(dim(wool, 0.84), x, y, 0.06, 0.016)
    pen.ellipse(face, 1.27, 0.38, 0.15, 0.18)
    pen.ellipse(face, 1.36, 0.47, 0.11, 0.1)
    pen.ellipse(dim(face, 1.5), 1.08, 0.33, 0.1, 0.05)
    pen.ellipse(wool, 1.2, 0.2, 0.14, 0.1)
    pen.ellipse(WHITE, 1.31, 0.34, 0.026, 0.026)


def draw_bottle(pen: Pen, rng: Random, phase: float) -> None:
    glass, label, cap, shoulder = pick(rng, GLASS), pick(rng, PAINT), pick(rng, PAINT), rng.uniform(0.32, 0.45)
    pen.box(glass, 0.02, shoulder, 0.38, 0.99, 0.05)
    pen.ellipse(glass, 0.2, shoulder + 0.04, 0.18, 0.14)
    pen.box(glass, 0.14, 0.05, 0.26, shoulder, 0.02)
    pen.box(cap, 0.125, 0.01, 0.275, 0.1, 0.02)
    pen.box(WHITE, 0.02, 0.56, 0.38, 0.84)
    pen.box(label, 0.02, 0.59, 0.38, 0.68)
    pen.ellipse(label, 0.2, 0.76, 0.06, 0.05)
    pen.line(dim(glass, 1.7), 0.025, (0.08, shoulder + 0.06), (0.08, 0.53))


def draw_cow(pen: Pen, rng: Random, phase: float) -> None:
    hide, patch, pink = pick(rng, HIDE), pick(rng, COAT + HAIR[:1]), (225, 160, 150)
    pen.line(hide, 0.035, (0.14, 0.36), (0.06, 0.55), (0.07, 0.78))
    pen.ellipse(patch, 0.07, 0.8, 0.035, 0.06)
    pen.ellipse(pink, 0.5, 0.7, 0.12, 0.07)
    pen.four_legs(hide, BLACK, 0.26, 1.06, 0.6, 0.11, phase)
    pen.box(hide, 0.1, 0.28, 1.2, 0.7, 0.12)
    for x, y in rng.uniform((0.2, 0.36), (1.1, 0.6), (int(rng.integers(3, 6)), 2)):
        pen.ellipse(patch, x, y, rng.uniform(0.07, 0.13), rng.uniform(0.05, 0.09))
    pen.polygon(hide, (1.0, 0.32), (1.22, 0.1), (1.36, 0.3), (1.18, 0.6))
    pen.polygon(hide, (1.18, 0.1), (1.4, 0.12), (1.56, 0.4), (1.42, 0.48), (1.22, 0.34))
    pen.ellipse(pink, 1.49, 0.42, 0.09, 0.07)
    pen.ellipse(BLACK, 1.52, 0.41, 0.016, 0.016)
    for x in (1.2, 1.33):
        pen.line(HORN, 0.04, (x, 0.11), (x + 0.03, 0.03))
    pen.ellipse(patch, 1.14, 0.17, 0.09, 0.045)
    pen.ellipse(BLACK, 1.34, 0.22, 0.02, 0.022)


def draw_aeroplane(pen: Pen, rng: Random, phase: float) -> None:
    body, trim = pick(rng, (WHITE, WHITE, *PAINT)), pick(rng, PAINT)
    pen.line(CHROME, 0.03, (2.35, 0.75), (2.35, 0.9))
    pen.line(CHROME, 0.03, (1.2, 0.75), (1.2, 0.9))
    for x in (1.2, 2.35):
        pen.ellipse(RUBBER, x, 0.92, 0.07, 0.07)
    pen.polygon(dim(body, 0.75), (1.15, 0.5), (0.75, 0.3), (0.95, 0.3), (1.6, 0.5))
    pen.polygon(trim, (0.06, 0.02), (0.3, 0.02), (0.62, 0.46), (0.22, 0.5))
    pen.polygon(body, (0.12, 0.46), (0.8, 0.42), (0.8, 0.76), (0.45, 0.66))
    pen.box(body, 0.5, 0.42, 2.4, 0.76, 0.16)
    pen.ellipse(body, 2.4, 0.59, 0.34, 0.17)
    pen.box(trim, 0.45, 0.62, 2.55, 0.67)
    for x in np.arange(0.8, 2.2, 0.16):
        pen.ellipse(WINDOW, x, 0.54, 0.04, 0.045)
    pen.polygon(WINDOW, (2.4, 0.46), (2.52, 0.47), (2.62, 0.55), (2.4, 0.55))
    pen.polygon(dim(body, 0.85), (1.15, 0.64), (1.75, 0.64), (1.05, 0.94), (0.85, 0.94))
    pen.box(trim, 1.2, 0.74, 1.55, 0.87, 0.05)


def draw_boat(pen: Pen, rng: Random, phase: float) -> None:
    hull, trim, sail, flag = (pick(rng, palette) for palette in (PAINT, PAINT, (WHITE, WHITE, *PAINT), PAINT))
    mast = rng.uniform(0.55, 0.65)
    pen.line((120, 84, 50), 0.03, (mast, 0.03), (mast, 0.78))
    pen.polygon(flag, (mast, 0.02), (mast - 0.16, 0.06), (mast, 0.1))
    pen.polygon(sail, (mast + 0.03, 0.08), (mast + 0.03, 0.7), (1.12, 0.7))
    pen.polygon(dim(sail, 0.85), (mast - 0.04, 0.14), (mast - 0.04, 0.7), (0.18, 0.7))
    pen.polygon(hull, (0.04, 0.76), (1.26, 0.76), (1.06, 0.98), (0.26, 0.98))
    pen.polygon(trim, (0.04, 0.76), (1.26, 0.76), (1.22, 0.81), (0.09, 0.81))
    for x in (0.42, 0.62, 0.82):
        pen.ellipse(WINDOW, x, 0.88, 0.035, 0.035)


def draw_chair(pen: Pen, rng: Random, phase: float) -> None:
    wood, cushion, slats = pick(rng, TIMBER), pick(rng, PAINT), int(rng.integers(2, 5))
    for x, top, shade in ((0.2, 0.55, 0.7), (0.58, 0.55, 0.7), (0.08, 0.55, 1), (0.5, 0.55, 1)):
        pen.line(dim(wood, shade), 0.06, (x, top), (x, 0.97 if shade == 1 else 0.9))
    pen.line(wood, 0.06, (0.06, 0.03), (0.08, 0.6))
    pen.line(dim(wood, 0.8), 0.06, (0.2, 0.05), (0.21, 0.5))
    for y in np.linspace(0.08, 0.42, slats):
        pen.line(dim(wood, 0.9), 0.05, (0.06, y), (0.2, y + 0.01))
    pen.polygon(cushion, (0.04, 0.58), (0.18, 0.48), (0.62, 0.48), (0.55, 0.58))
    pen.box(dim(cushion, 0.8), 0.04, 0.57, 0.55, 0.64, 0.02)


def draw_motorbike(pen: Pen, rng: Random, phase: float) -> None:
    paint, seat = pick(rng, PAINT), pick(rng, COAT)
    for x in (0.33, 1.37):
        pen.ring(RUBBER, x, 0.68, 0.31, 0.12)
        pen.ring(CHROME, x, 0.68, 0.2, 0.025)
        pen.ellipse(CHROME, x, 0.68, 0.07, 0.07)
    pen.line(CHROME, 0.07, (0.4, 0.78), (0.1, 0.86))
    pen.line(CHROME, 0.06, (1.37, 0.68), (1.13, 0.16))
    pen.polygon(dim(paint, 0.6), (0.5, 0.5), (1.1, 0.5), (1.0, 0.86), (0.62, 0.86))
    pen.ellipse(CHROME, 0.8, 0.7, 0.16, 0.14)
    pen.polygon(paint, (0.68, 0.34), (1.1, 0.22), (1.2, 0.38), (1.04, 0.52), (0.68, 0.5))
    pen.polygon(seat, (0.14, 0.32), (0.26, 0.28), (0.72, 0.38), (0.7, 0.5), (0.36, 0.5))
    pen.polygon(paint, (0.1, 0.4), (0.34, 0.34), (0.6, 0.5), (0.3, 0.52))
    pen.line(BLACK, 0.05, (0.98, 0.1), (1.13, 0.14))
    pen.ellipse(LAMP, 1.22, 0.26, 0.08, 0.09)


def draw_pottedplant(pen: Pen, rng: Random, phase: float) -> None:
    pot, leaf, bloom, flowers = pick(rng, CLAY), pick(rng, LEAF), pick(rng, PAINT), rng.random() < 0.5
    for angle in np.linspace(-1.15, 1.15, int(rng.integers(5, 9))):
        reach = rng.uniform(0.36, 0.52)
        x, y = 0.35 + 0.62 * reach * sin(angle), 0.62 - reach * cos(angle)
        pen.line(dim(leaf, 0.7), 0.03, (0.35, 0.66), (0.35 + 0.25 * reach * sin(angle), 0.62 - 0.5 * reach), (x, y))
        pen.ellipse(dim(leaf, rng.uniform(0.8, 1.2)), x, y, 0.075, 0.09)
        if flowers:
            pen.ellipse(bloom, x, y - 0.02, 0.05, 0.05)
    pen.polygon(pot, (0.14, 0.68), (0.56, 0.68), (0.48, 0.99), (0.22, 0.99))
    pen.box(dim(pot, 1.15), 0.1, 0.62, 0.6, 0.71, 0.02)


class Drawing(NamedTuple):
    """How a class is drawn: its width in units of its height, and how strong its texture is."""

    draw: Callable[[Pen, Random, float], None]
    width: float
    texture: float


DRAWINGS = {
    "aeroplane": Drawing(draw_aeroplane, 2.78, 0.05),
    "bicycle": Drawing(draw_bicycle, 1.65, 0.05),
    "bird": Drawing(draw_bird, 1.24, 0.12),
    "boat": Drawing(draw_boat, 1.3, 0.06),
    "bottle": Drawing(draw_bottle, 0.4, 0.04),
    "bus": Drawing(draw_bus, 2.2, 0.05),
    "car": Drawing(draw_car, 2.3, 0.05),
    "cat": Drawing(draw_cat, 0.92, 0.14),
    "chair": Drawing(draw_chair, 0.66, 0.08),
    "cow": Drawing(draw_cow, 1.6, 0.1),
    "crowd": Drawing(draw_crowd, 3.8, 0.08),
    "dog": Drawing(draw_dog, 1.42, 0.14),
    "horse": Drawing(draw_horse, 1.24, 0.1),
    "motorbike": Drawing(draw_motorbike, 1.7, 0.05),
    "person": Drawing(draw_person, 0.5, 0.08),
    "pottedplant": Drawing(draw_pottedplant, 0.7, 0.1),
    "sheep": Drawing(draw_sheep, 1.5, 0.12),
}
