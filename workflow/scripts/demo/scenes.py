"""Synthetic scenes, written in the official layouts of COCO, Pascal VOC and DAVIS."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, cos, pi, sin, sqrt
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

Colour = tuple[int, int, int]
Point = tuple[float, float]
Random = np.random.Generator

# The classes of Pascal VOC in their order, and what COCO calls them: identifier, name, supercategory.
COCO_CATEGORIES = {
    "aeroplane": (5, "airplane", "vehicle"),
    "bicycle": (2, "bicycle", "vehicle"),
    "bird": (16, "bird", "animal"),
    "boat": (9, "boat", "vehicle"),
    "bottle": (44, "bottle", "kitchen"),
    "bus": (6, "bus", "vehicle"),
    "car": (3, "car", "vehicle"),
    "cat": (17, "cat", "animal"),
    "chair": (62, "chair", "furniture"),
    "cow": (21, "cow", "animal"),
    "diningtable": (67, "dining table", "furniture"),
    "dog": (18, "dog", "animal"),
    "horse": (19, "horse", "animal"),
    "motorbike": (4, "motorcycle", "vehicle"),
    "person": (1, "person", "person"),
    "pottedplant": (64, "potted plant", "furniture"),
    "sheep": (20, "sheep", "animal"),
    "sofa": (63, "couch", "furniture"),
    "train": (7, "train", "vehicle"),
    "tvmonitor": (72, "tv", "electronic"),
}

STILL_SIZES = ((640, 480), (480, 640), (500, 375), (640, 427))
VIDEO_SIZE = (854, 480)
OVERSAMPLING = 2
VOID = 255
# Shared with DAVIS: the index's bits, lowest first, go to red, green and blue in turn, as their highest bits.
VOC_PALETTE = [
    sum((index >> 3 * bit + channel & 1) << 7 - bit for bit in range(3)) for index in range(256) for channel in range(3)
]
# Images of a COCO split that show a crowd, annotated as one region with iscrowd=1.
CROWD_IMAGES = (2, 7)
# Share of an instance's pixels that its holes may take before it is written as RLE: polygons cannot have holes.
HOLE_TOLERANCE = 0.02

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
    """Draws on a transparent layer in units of the object's height: y is 0 at the top and 1 on the ground."""

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
    return tuple(np.clip(rng.choice(palette) + rng.integers(-14, 15, 3), 0, 255).tolist())


def dim(colour: Colour, factor: float) -> Colour:
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


class Setting(NamedTuple):
    """A background, and the classes found there."""

    gradient: tuple[Colour, Colour, Colour, Colour]  # top, above the horizon, below it, bottom
    horizon: float  # in image heights
    skyline: str  # "houses", "hills" or "pictures"
    skyline_colour: Colour
    strokes: Point  # how far a stroke of the ground's pattern reaches, right and up, in image heights at the bottom
    categories: tuple[str, ...]


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
    ROOM_COLOURS, 0.5, "pictures", (150, 160, 150), (0.3, 0), ("person", "cat", "dog", "bottle", "chair", "pottedplant")
)
LAKE = Setting(LAKE_COLOURS, 0.4, "hills", (110, 130, 130), (0.05, 0.006), ("boat", "bird"))
AIRFIELD = Setting(FIELD_COLOURS, 0.45, "houses", (160, 165, 170), (0.2, 0), ("aeroplane", "person", "bus", "car"))
SETTINGS = (STREET, STREET, MEADOW, MEADOW, ROOM, ROOM, LAKE, AIRFIELD)  # as often as they have classes


@dataclass(frozen=True)
class Thing:
    """One object to paint: its class, its look (a seed), and its place and pose in the picture (pixels)."""

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
    """A picture, the (height, width) uint8 label of the instance visible at each pixel (0: none), classes by label."""

    picture: Image.Image
    labels: np.ndarray
    categories: dict[int, str]


def generator(seed: int, *names: str | int) -> Random:
    """Random numbers of one named part of a dataset, the same whatever else the dataset holds."""
    return np.random.default_rng([seed, crc32("/".join(map(str, names)).encode())])


def textured(rng: Random, picture: Image.Image, strength: float, cells: tuple[int, ...]) -> Image.Image:
    """The picture, made lighter and darker by smooth noise, a sum over square grids of so many cells."""
    grids = [Image.fromarray(rng.standard_normal((n, n), dtype=np.float32)) for n in cells]
    noise = sum(np.asarray(grid.resize(picture.size, Image.Resampling.BICUBIC)) for grid in grids)
    factor = 1 + strength * noise[..., None] / sqrt(len(grids))
    return Image.fromarray(np.clip(np.asarray(picture) * factor, 0, 255).astype(np.uint8))


def draw_background(rng: Random, setting: Setting, size: tuple[int, int]) -> Image.Image:
    width, height = size
    horizon = setting.horizon * height
    light = rng.uniform(0.85, 1.1) + rng.uniform(-0.06, 0.06, 3)
    stops = np.clip(np.array(setting.gradient) * light, 0, 255)
    rows = [np.interp(range(height), (0, horizon, horizon + 1, height), channel) for channel in stops.T]
    picture = Image.fromarray(np.tile(np.stack(rows, axis=-1)[:, None], (1, width, 1)).astype(np.uint8))
    canvas = ImageDraw.Draw(picture)
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
            case "pictures":
                canvas.rectangle((left, 0.2 * top, right - 0.04 * width, 0.5 * top), colour, dim(colour, 0.6), 4)
    # Strokes of the ground lie on lines that draw closer towards the horizon, and are the smaller there.
    for depth in rng.uniform(0.05, 1, 140):
        x, y = rng.uniform(0, width), horizon + depth**2 * (height - horizon)
        right, up = np.multiply(setting.strokes, height * depth * rng.uniform(0.6, 1.4))
        shade = dim(picture.getpixel((int(x), min(int(y), height - 1))), rng.choice((0.88, 1.1)))
        canvas.line((x, y, x + right, y - up), shade, max(1, round(0.006 * height * depth)))
    return textured(rng, picture, rng.uniform(0.03, 0.07), (5, 20, 80, 240))


def draw_thing(thing: Thing) -> Image.Image:
    """The thing alone on a transparent RGBA layer, as large as its box."""
    rng = np.random.default_rng(thing.look)
    drawing = DRAWINGS[thing.class_name]
    pen = Pen(drawing.width, thing.height)
    drawing.draw(pen, rng, thing.phase)
    layer = pen.layer.reduce(OVERSAMPLING)
    # One is slimmer than another, of the same height.
    slim = layer.resize((ceil(rng.uniform(0.85, 1) * layer.width), layer.height))
    layer = ImageOps.pad(slim, layer.size, color=(0, 0, 0, 0))
    picture = textured(rng, layer.convert("RGB"), rng.uniform(0.5, 1.5) * drawing.texture, (8, 48))
    picture.putalpha(layer.getchannel("A"))
    return ImageOps.mirror(picture) if thing.flip else picture


def paint(background: Image.Image, things: dict[int, Thing]) -> Scene:
    """Paint labelled things over a background, the nearer (lower in the picture) over the farther."""
    picture = background.copy()
    labels = Image.new("L", picture.size)
    for label, thing in sorted(things.items(), key=lambda item: item[1].ground):
        layer = draw_thing(thing)
        alpha = layer.getchannel("A")
        corner = round(thing.box[0]), round(thing.box[1])
        picture.paste(layer, corner, alpha)
        labels.paste(label, corner, alpha.point(lambda value: 255 * (value >= 128)))
    return Scene(picture, np.asarray(labels), {label: thing.class_name for label, thing in things.items()})


def overlap(a: Thing, b: Thing) -> float:
    """Share of the smaller box that lies in the other box."""
    (a0, a1, a2, a3), (b0, b1, b2, b3) = a.box, b.box
    shared = max(0.0, min(a2, b2) - max(a0, b0)) * max(0.0, min(a3, b3) - max(a1, b1))
    return shared / min((a2 - a0) * (a3 - a1), (b2 - b0) * (b3 - b1))


def place(rng: Random, class_name: str, setting: Setting, size: tuple[int, int], others: list[Thing]) -> Thing | None:
    """A thing of some class that leaves the others mostly visible, or None where there is no room for it."""
    width, height = size
    look, aspect = int(rng.integers(2**32)), DRAWINGS[class_name].width
    # The box's share of the image: one object in eight is far away.
    share = rng.uniform(0.006, 0.012) if rng.random() < 0.125 else rng.uniform(0.06, 0.22)
    for _ in range(40):
        tall = min(sqrt(share * width * height / aspect), 0.8 * height, 0.7 * width / aspect)
        depth = min(1, sqrt(tall / height) + rng.uniform(-0.1, 0.2))
        ground = max(tall, (setting.horizon + (0.98 - setting.horizon) * depth) * height)
        # Up to a twentieth of the object may lie outside the picture.
        margin = 0.45 * aspect * tall
        x = rng.uniform(margin, width - margin)
        thing = Thing(class_name, look, x, ground, tall, rng.random() < 0.5, rng.random())
        if all(overlap(thing, other) < 0.3 for other in others):
            return thing
        share *= 0.97
    return None


def still_scene(seed: int, *names: str | int, crowd: bool = False) -> Scene:
    """The scene of one photograph.

    Parameters
    ----------
    seed, names
        Seed of the dataset, and name of the photograph (its dataset, split and number): they determine the scene.
    crowd
        Whether a crowd stands far away, as one more instance with the class_name "crowd".
    """
    rng = generator(seed, *names)
    size = STILL_SIZES[rng.integers(len(STILL_SIZES))]
    setting = STREET if crowd else SETTINGS[rng.integers(len(SETTINGS))]
    categories = rng.permutation(setting.categories)[: rng.integers(2, 5)].tolist()
    if rng.random() < 0.6:
        categories.insert(1, categories[0])
    things = [Thing("crowd", 0, size[0] / 2, (setting.horizon + 0.02) * size[1], 0.11 * size[1])] if crowd else []
    for class_name in categories:
        thing = place(rng, class_name, setting, size, things)
        if thing:
            things.append(thing)
    return paint(draw_background(rng, setting, size), dict(enumerate(things, start=1)))


def video_scenes(seed: int, sequence: str, objects: dict[int, str], frames: int) -> Iterator[Scene]:
    """The frames of one video: its objects walk across, to or from the camera, and pass in front of each other.

    Parameters
    ----------
    seed, sequence
        Seed of the dataset, and name of the video.
    objects
        Category of each object by its label.
    frames
        Number of frames.
    """
    rng = generator(seed, "davis", sequence)
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
        yield paint(background, things)


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Corners (n, 2), x and y, of each loop around a mask: outer loops run clockwise on screen, holes the other way."""
    inside = np.pad(mask, 1)
    follow: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # Each pixel edge on the border runs with the mask on its right: top, right, bottom and left edges.
    sides = ((0, 1, (0, 0), (1, 0)), (1, -1, (1, 0), (1, 1)), (0, -1, (1, 1), (0, 1)), (1, 1, (0, 1), (0, 0)))
    for axis, shift, start, end in sides:
        for y, x in (np.argwhere(inside & ~np.roll(inside, shift, axis)) - 1).tolist():
            follow.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    loops = []
    for point in list(follow):
        while follow[point]:
            loop = []
            while follow[point]:
                loop.append(point)
                point = follow[point].pop()
            steps = np.diff(loop, axis=0, append=loop[:1])
            loops.append(np.array(loop)[(steps != np.roll(steps, 1, axis=0)).any(axis=1)])
    return loops


def signed_area(loop: np.ndarray) -> float:
    x, y = loop.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def coco_segmentation(mask: np.ndarray, crowd: bool) -> list[list[int]] | dict:
    """Polygons of a boolean (height, width) mask, or uncompressed RLE for a crowd or a mask with large holes."""
    outer = [loop for loop in outlines(mask) if signed_area(loop) > 0]
    if not crowd and sum(map(signed_area, outer)) <= (1 + HOLE_TOLERANCE) * mask.sum():
        return [loop.ravel().tolist() for loop in outer]
    # Lengths of the runs down the columns; the first run is background.
    changes = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=False))
    return {"counts": np.diff(changes, prepend=0, append=mask.size).tolist(), "size": list(mask.shape)}


def write_coco(folder: Path, *, images: int, seed: int, split: str = "train2017") -> None:
    """Write photographs as one split of COCO 2017: `annotations/instances_{split}.json` and `{split}/*.jpg`.

    Parameters
    ----------
    folder
        Root of the dataset, made if need be.
    images
        Number of photographs; a larger number adds photographs and changes none.
    seed
        Seed of everything drawn.
    split
        Name of the split.
    """
    (folder / split).mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    entries, annotations = [], []
    for number in range(1, images + 1):
        scene = still_scene(seed, "coco", split, number, crowd=number in CROWD_IMAGES)
        name = f"{number:012d}.jpg"
        scene.picture.save(folder / split / name, quality=92)
        height, width = scene.labels.shape
        entries.append({"id": number, "width": width, "height": height, "file_name": name})
        for label, class_name in scene.categories.items():
            mask = scene.labels == label
            crowd = class_name == "crowd"
            left, top, right, bottom = Image.fromarray(mask).getbbox()
            annotation = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": COCO_CATEGORIES["person" if crowd else class_name][0],
                "iscrowd": int(crowd),
                "area": int(mask.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "segmentation": coco_segmentation(mask, crowd),
            }
            annotations.append(annotation)
    keys = ("id", "name", "supercategory")
    content = {
        "info": {"description": "Synthetic scenes in the layout of COCO 2017", "year": 2017, "version": "1.0"},
        "licenses": [],
        "images": entries,
        "annotations": annotations,
        "categories": [dict(zip(keys, values, strict=True)) for values in sorted(COCO_CATEGORIES.values())],
    }
    (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def save_indexed(path: Path, labels: np.ndarray) -> None:
    picture = Image.fromarray(labels)
    picture.putpalette(VOC_PALETTE)
    picture.save(path)


def write_voc(folder: Path, *, images: int, seed: int, split: str = "trainval") -> None:
    """Write photographs as the segmentation set of Pascal VOC 2012, under `VOCdevkit/VOC2012`.

    The indexed PNGs hold classes and instances, with a void border of 255, two pixels wide, around each object.

    Parameters
    ----------
    folder
        Root of the dataset, made if need be; it holds one split.
    images
        Number of photographs; a larger number adds photographs and changes none.
    seed
        Seed of everything drawn.
    split
        Name of the split, `ImageSets/Segmentation/{split}.txt`.
    """
    root = folder / "VOCdevkit" / "VOC2012"
    for part in ("JPEGImages", "SegmentationObject", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True, exist_ok=True)
    indices = {class_name: index for index, class_name in enumerate(COCO_CATEGORIES, start=1)}
    names = [f"2012_{number:06d}" for number in range(1, images + 1)]
    for name in names:
        scene = still_scene(seed, "voc", split, name)
        scene.picture.save(root / "JPEGImages" / f"{name}.jpg", quality=92)
        labels = Image.fromarray(scene.labels)
        highest, lowest = labels.filter(ImageFilter.MaxFilter(3)), labels.filter(ImageFilter.MinFilter(3))
        border = np.asarray(highest) != np.asarray(lowest)
        classes = np.zeros(256, np.uint8)
        for label, class_name in scene.categories.items():
            classes[label] = indices[class_name]
        for part, values in (("SegmentationObject", scene.labels), ("SegmentationClass", classes[scene.labels])):
            save_indexed(root / part / f"{name}.png", np.where(border, np.uint8(VOID), values))
    (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def write_davis(folder: Path, *, sequences: dict[str, dict[int, str]], frames: int, seed: int) -> None:
    """Write videos of 854x480 pixels as the training set of DAVIS 2017 at 480p, under `DAVIS`.

    Parameters
    ----------
    folder
        Root of the dataset, made if need be.
    sequences
        Objects of each video by its name: the class_name of each object by its index in the annotation.
    frames
        Number of frames of each video.
    seed
        Seed of everything drawn.
    """
    root = folder / "DAVIS"
    for sequence, objects in sequences.items():
        pictures, annotations = (root / part / "480p" / sequence for part in ("JPEGImages", "Annotations"))
        pictures.mkdir(parents=True, exist_ok=True)
        annotations.mkdir(parents=True, exist_ok=True)
        for number, scene in enumerate(video_scenes(seed, sequence, objects, frames)):
            scene.picture.save(pictures / f"{number:05d}.jpg", quality=92)
            save_indexed(annotations / f"{number:05d}.png", scene.labels)
    sets = root / "ImageSets" / "2017"
    sets.mkdir(parents=True, exist_ok=True)
    (sets / "train.txt").write_text("".join(f"{sequence}\n" for sequence in sequences))
