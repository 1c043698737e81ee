"""Objects with a class, a size and a place, and prototypes that hold what a test plants in them."""

import numpy as np
import pandas as pd


def plant_objects(rng, *, images=100, objects=4, classes=5, confounding=0.0):
    """Rows as prototypes have them, and places; classes differ in size and place by the confounding.

    Half of the further objects of an image have the class of its first.
    """
    centres = np.random.default_rng(0).uniform(-1, 1, (classes, 3))
    image, class_number = [], []
    for number in range(images):
        first = rng.integers(classes)
        for place in range(rng.integers(1, objects + 1)):
            image.append(number)
            class_number.append(first if place == 0 or rng.random() < 0.5 else rng.integers(classes))
    image, class_number = np.array(image), np.array(class_number)
    z = confounding * centres[class_number] + 0.6 * rng.standard_normal((len(image), 3))
    rows = pd.DataFrame(
        {
            "image_id": np.char.add("image ", image.astype(str)),
            "instance_id": np.arange(len(image)).astype(str),
            "class_name": np.char.add("class ", class_number.astype(str)),
            "identity": pd.array([None] * len(image), "string"),
            "video": pd.array([None] * len(image), "string"),
        }
    )
    share = 1 / (1 + np.exp(-z[:, :2]))
    places = pd.DataFrame({"x": share[:, 0], "y": share[:, 1], "log_area": z[:, 2] - 3}, rows["instance_id"])
    return rows, places


def encode_places(places, rng, dimensions=12, *, curved=False):
    """Prototypes that hold size and place alone, along lines or in curves."""
    z = ((places - places.mean()) / places.std(ddof=0)).to_numpy()
    z = np.hstack([np.sin(1.5 * z), z**2 - 1]) if curved else z
    return z @ np.random.default_rng(1).standard_normal((z.shape[1], dimensions)) / np.sqrt(z.shape[1])


def encode_classes(rows, dimensions):
    """Prototypes that hold the class alone."""
    codes = pd.factorize(rows["class_name"], sort=True)[0]
    return np.random.default_rng(2).standard_normal((codes.max() + 1, dimensions))[codes]


def encode_images(rows, rng, dimensions):
    """What the objects of an image share."""
    codes = pd.factorize(rows["image_id"])[0]
    return rng.standard_normal((codes.max() + 1, dimensions))[codes]
