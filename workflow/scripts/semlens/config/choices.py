"""What a multiverse may vary: the choices that studies make and seldom state, one row each."""

from types import MappingProxyType

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
