"""What a multiverse may vary: the choices that studies make and seldom state, one row each."""

from types import MappingProxyType
from typing import Any

# By key of the configuration: what the choice is called in figures and tables.
CHOICES = MappingProxyType(
    {
        "metric": "metric",
        "layers": "layers",
        "timestep": "timestep of noise",
        "noise": "noise added",
        "inference_steps": "inference steps",
        "posterior": "latent",
        "prompt": "prompt",
        "seed": "seed",
        "resize": "resizing",
        "mask": "masks",
        "min_area_of": "small objects",
        "average": "average over",
        "dunn": "Dunn index",
        "across": "sets of images",
    }
)


def format_choice(value: Any) -> str:
    """Return the value of a choice as names and tables have it."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(value)
