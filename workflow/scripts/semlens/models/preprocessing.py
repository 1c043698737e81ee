"""How an image becomes what a network reads: interpolation, mean and standard deviation, as its own folder says."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semlens.models.part_files import read_config

FILES = ("preprocessor_config.json", "processor_config.json")  # the first that is there
_RESAMPLING = {2: "bilinear", 3: "bicubic"}  # PIL's numbers


@dataclass(frozen=True)
class Preprocessing:
    """From an image to what a network reads: resized, values from 0 to 1, minus a mean, divided by a deviation.

    Attributes
    ----------
    resample
        ``bilinear`` or ``bicubic``.
    mean, std
        By channel.
    """

    resample: str
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def apply(self, squares: np.ndarray) -> np.ndarray:  # (batch, 3, side, side) float32
        """Return what the network reads.

        Parameters
        ----------
        squares
            (batch, 3, side, side) in [-1, 1], see :func:`semlens.images.rendering.render_view`.
        """
        mean, std = (np.array(values, np.float32)[:, None, None] for values in (self.mean, self.std))
        return ((squares + 1) / 2 - mean) / std

    def describe(self) -> dict[str, Any]:
        """Return all of it, for provenance."""
        return asdict(self)


def read_preprocessing(folder: str | Path) -> Preprocessing:
    """Return what ``preprocessor_config.json`` of an encoder's folder says, or ``processor_config.json`` of its images.

    Sizes and crops are the workflow's configuration's.

    Raises
    ------
    ValueError
        If there is no such file, or it asks for something else.
    """
    file = next((Path(folder, name) for name in FILES if Path(folder, name).is_file()), None)
    if file is None:
        raise ValueError(
            f"{folder} has no {FILES[0]}, which says the mean, deviation and interpolation of its images; save it with "
            f"the model (AutoImageProcessor of transformers)"
        )
    config = read_config(file)
    config = config.get("image_processor", config)
    try:
        factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1
        if abs(factor * 255 - 1) > 1e-3:
            raise ValueError(f"it rescales by {factor}; values from 0 to 1 are known")
        resample = config.get("resample")
        if resample not in _RESAMPLING:
            raise ValueError(f"its 'resample' is {resample}; those of {_RESAMPLING} are known")
        if not config.get("do_normalize", True):
            return Preprocessing(_RESAMPLING[resample])
        mean, std = (tuple(map(float, config[key])) for key in ("image_mean", "image_std"))
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"its image_mean is {list(mean)}, its image_std {list(std)}; three channels are known")
        return Preprocessing(_RESAMPLING[resample], mean, std)
    except (KeyError, TypeError, ValueError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{file} cannot be read: {what}") from None
