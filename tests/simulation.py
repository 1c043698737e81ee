"""Made prototypes whose classes mean as much as one says, for tests of what statistics promise.

Objects are nested in images. Classes may be rare, and may cluster: an image then shows few of them. What an image
shares (its light, its scene) moves all its objects; small objects are noisier.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Scenario:
    """How prototypes are made.

    Attributes
    ----------
    objects
        The largest number of objects in an image; the smallest is 1.
    imbalance
        0: classes are equally frequent; 1: the second is half as frequent as the first, the third a third, and so on.
    clustering
        Probability that an object has the class of the first object in its image.
    class_effect, image_effect
        Standard deviations of what classes, and images, share.
    size_noise
        How much noisier the smallest objects are than the largest.
    """

    images: int = 60
    objects: int = 5
    classes: int = 6
    imbalance: float = 0.0
    clustering: float = 0.5
    class_effect: float = 0.0
    image_effect: float = 0.7
    size_noise: float = 1.0
    dimensions: int = 8


def simulate(scenario: Scenario, rng: np.random.Generator, n_layers: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows as prototypes have them, and vectors (layers, rows, dimensions); layers share half of their noise.

    Images are drawn, and all that is in them. What classes share is the same every time.
    """
    weights = 1 / np.arange(1, scenario.classes + 1) ** scenario.imbalance
    weights /= weights.sum()
    rows = []
    for image in range(scenario.images):
        first = rng.choice(scenario.classes, p=weights)
        for number in range(rng.integers(1, scenario.objects + 1)):
            is_clustered = number == 0 or rng.random() < scenario.clustering
            rows.append((image, number, first if is_clustered else rng.choice(scenario.classes, p=weights)))
    image, number, class_number = np.array(rows).T
    shape = (scenario.dimensions,)
    of_class = scenario.class_effect * np.random.default_rng(0).standard_normal((scenario.classes, *shape))
    of_image = scenario.image_effect * rng.standard_normal((scenario.images, *shape))
    noise = (1 + scenario.size_noise * rng.random(len(rows)))[:, None]
    shared = of_class[class_number] + of_image[image] + noise * rng.standard_normal((len(rows), *shape)) * np.sqrt(0.5)
    own = noise * rng.standard_normal((n_layers, len(rows), *shape)) * np.sqrt(0.5)
    frame = pd.DataFrame(
        {
            "image_id": np.char.add("image ", image.astype(str)),
            "instance_id": [f"{a}/{b}" for a, b in zip(image, number, strict=True)],
            "class_name": np.char.add("class ", class_number.astype(str)),
            "identity": pd.array([None] * len(rows), "string"),
            "video": pd.array([None] * len(rows), "string"),
        }
    )
    return frame, (shared + own).astype(np.float32)
