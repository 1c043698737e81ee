"""The paper's experiments and settings, and whether a run can be compared with them."""

from typing import Any

_NOISE = ("1", "50", "100", "200", "300", "400", "500")
_TRANSFORMATIONS = (
    *("crop_pad", "crop_resize", "crop_shift20", "crop_shift40", "crop_shift60"),
    *("hflip", "vflip", "rot90", "rot180", "rot270"),
)


EXPERIMENTS = {  # in the paper's order, with their conditions
    "distance-measures": ("euclidean", "correlation", "cityblock", "cosine"),
    "resolution": ("64+32+16", "64", "32", "16"),
    "encoder-decoder": ("enc16", "dec16"),
    "single-layer": ("enc16.1", "enc16.2"),
    "inference-steps": _NOISE,
    "inference-steps-denoised": _NOISE,
    "transformations": _TRANSFORMATIONS,
    "transformations-across": _TRANSFORMATIONS,
    "video": ("1", "2", "3", "4", "5", "10", "20", "30", "40"),
    "video-example": ("1", "5", "10"),
}


READINGS = {  # where one experiment of the paper can be read in two ways, and the claims about it stand for both
    "inference-steps": "Reading: the network is read at the level of noise.",
    "inference-steps-denoised": "Reading: noise is taken away again before the network is read.",
    "transformations": "Reading: scsi and dcsi hold two originals.",
    "transformations-across": "Reading: scsi and dcsi hold an original and another object of its transformed image.",
}


SETTINGS = {  # of every experiment, but where it is the axis; None: not known, or not of this dataset
    "model": "stable-diffusion-v1-5",
    "metric": "correlation",
    "timestep": 0,
    "min_area": 0.01,
    "classes": 20,
    "listed": True,
}


LAYERS = {  # where they are not the axis
    "distance-measures": "64+32+16",
    **dict.fromkeys(("inference-steps", "inference-steps-denoised"), "enc16.1"),
    **dict.fromkeys(("transformations", "transformations-across"), "enc16.1"),
    **dict.fromkeys(("video", "video-example"), "enc16.1"),
}


def explain_incomparability(comparison: dict[str, Any], images: dict[str, int]) -> str:
    """Return why a comparison cannot be set beside the paper's, or nothing. What the paper leaves open does not matter.

    Parameters
    ----------
    comparison
        ``experiment`` and ``dataset``; ``settings``, those of ``SETTINGS``, None where one is not known or does not
        apply; ``layers``, None where they are the axis; ``denoised``, whether noise was taken away again before the
        network was read; ``across``, whether pairs in one image hold an original and a view; ``demo``, whether the
        model or the dataset is the demo's; ``images``, how many were studied.
    images
        How many the paper studied, by dataset.
    """
    experiment, dataset = comparison["experiment"], comparison["dataset"]
    if comparison["demo"]:
        return "demo"
    if dataset not in images:
        return "not a dataset of the paper"
    run = comparison["settings"] | {key: comparison[key] for key in ("layers", "denoised", "across")}
    paper = {**SETTINGS, "layers": LAYERS.get(experiment)}
    paper |= {key: experiment.endswith(f"-{key}") for key in ("denoised", "across")}
    for name, value in paper.items():
        if run[name] is not None and run[name] != value:
            return f"{name} {run[name]} instead of {value}"
    studied = comparison["images"]
    return f"{studied} of {images[dataset]} images" if studied != images[dataset] else ""
