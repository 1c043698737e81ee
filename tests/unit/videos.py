"""A video as DAVIS lays it out, and what reads its frames: what tests of propagation share."""

import numpy as np
from PIL import Image

from semlens.extract.features import FeatureExtractor
from semlens.extract.settings import ExtractionSettings
from semlens.propagate.frames import FRAME_READERS
from semlens.propagate.videos import list_frames
from semlens.select.formats._palettes import build_colours
from semlens.storage.environment import describe_environment
from semlens.storage.shard_writer import create_shard

HEIGHT, WIDTH = 96, 160
SIZE = 128
SETTINGS = {
    "layers": ["enc8.1"],
    "timesteps": [100, 0],
    "posterior": "sample",
    "noise": True,
    "inference_steps": None,
    "seed": 3,
    "dtype": "float32",
}
COMMON = {"device": "cpu", "names": {"extraction": "plain"}}


def write_video(folder, masks, *, sequence="walk", images=None):
    """Write frames, which are noise unless given, and their masks of labels; return what readers take."""
    root = folder / "DAVIS"
    (root / "ImageSets" / "2017").mkdir(parents=True, exist_ok=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text(sequence)
    rng = np.random.default_rng(0)
    for number, labels in enumerate(masks):
        name = f"480p/{sequence}/{number:05d}"
        for kind in ("JPEGImages", "Annotations"):
            (root / kind / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (*labels.shape, 3), dtype=np.uint8) if images is None else images[number]
        Image.fromarray(pixels).save(root / "JPEGImages" / f"{name}.png")
        image = Image.fromarray(labels.astype(np.uint8))
        image.putpalette(build_colours().tobytes())
        image.save(root / "Annotations" / f"{name}.png")
    return list_frames("davis", folder, sequence)


def draw_scene(time):
    """A frame whose objects are of one colour each, on a gradient: 1 moves, 3 stays, and its labels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.stack([np.full_like(x, 40), x * 60 // WIDTH, y * 60 // HEIGHT], axis=2).astype(np.uint8)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[20:60, 20 + 4 * time : 60 + 4 * time] = 1
    labels[60:90, 110:150] = 3
    image[labels == 1], image[labels == 3] = (250, 30, 30), (20, 240, 250)
    return image, labels


def write_scene(folder, n_frames=6, **changes):
    """Such a video; ``changes`` are masks by the number of their frame."""
    images, masks = zip(*map(draw_scene, range(n_frames)), strict=True)
    return write_video(folder, [changes.get(f"frame{i}", mask) for i, mask in enumerate(masks)], images=images)


def read_frames(folder, *, family="unet", images=None, batch_size=2, **inputs):
    """Return an extractor of the frames of the scene in a folder; ``inputs`` are parts of a model, and settings."""
    frames, _ = list_frames("davis", folder, "walk")
    given = {name: inputs.pop(name, []) for name in ("network", "scheduler", "vae", "prompt")}
    settings = {name: inputs.pop(name, value) for name, value in SETTINGS.items()}
    how = {"size": SIZE, "resize": "stretch", "exif": "ignore", "views": ["identity"], "seed": None, **(images or {})}
    return FeatureExtractor(
        ExtractionSettings(**settings),
        family=family,
        inputs={**given, "images": folder, "frames": frames},
        images=how,
        batch_size=batch_size,
        readers=FRAME_READERS,
        **COMMON,
    )


def write_prompt(path):
    with create_shard(path, {}, describe_environment("encode")) as file:
        file["embedding"] = np.random.default_rng(1).standard_normal((1, 77, 32), dtype=np.float32)
    return path
