"""What follows from the configuration for models: families, twins, what they share, and how they read images."""

from collections.abc import Iterable

from semlens.config.plan import get_view_seed, list_comparisons
from semlens.config.schema import Config
from semlens.models.backbones import load_backbone


def list_compared_models(config: Config) -> list[Config]:
    """Return :func:`describe_models` of every model that is compared."""
    return describe_models(config, [comparison["model"] for comparison in list_comparisons(config)])


def describe_models(config: Config, names: Iterable[str]) -> list[Config]:
    """Return ``name`` and ``weights`` of models, each once, and the twin that it ``controls``, or None."""
    return [
        {"name": name, "weights": config["models"][name]["weights"], "controls": find_twin(config, name)}
        for name in dict.fromkeys(names)
    ]


def list_noised_models(config: Config) -> list[Config]:
    """Return those of :func:`list_compared_models` that are read with noise."""
    compared = list_compared_models(config)
    return [model for model in compared if getattr(load_backbone(get_family(config, model["name"])), "NOISE", None)]


def get_image_options(config: Config, extraction: str, model: str, dataset: str) -> Config:
    """Return how an extraction reads images: :class:`semlens.extract.readers.SquareReader`; else only their size."""
    entry = config["models"][model]
    if load_backbone(entry["family"]).READS != "images":
        return {"size": entry["size"]}
    views = config["views"][config["extractions"][extraction]["views"]]
    return {
        **{key: entry[key] for key in ("size", "resize")},
        "views": views,
        "seed": get_view_seed(config, views),
        "exif": config["datasets"][dataset]["exif"],
    }


def get_family(config: Config, model: str) -> str:
    """Return the family that reads a model."""
    return config["models"][model]["family"]


def get_text_kind(config: Config, model: str) -> str:
    """Return how a model reads texts, see :mod:`semlens.models.texts`."""
    return load_backbone(get_family(config, model)).TEXT


def find_base_model(config: Config, model: str) -> str:
    """Return the model whose latents and scheduler a model shares: one of the same source and size.

    That is the pretrained twin of a control, and for the latents as a baseline the model whose they are.
    """
    return _find_sharing(config, model, ("source", "size", "resize"))


def find_text_model(config: Config, model: str) -> str:
    """Return the model whose texts a model shares: one of the same source."""
    return _find_sharing(config, model, ("source",))


def _find_sharing(config: Config, model: str, keys: Iterable[str]) -> str:
    entry = config["models"][model]
    shared = [name for name, other in config["models"].items() if all(other[key] == entry[key] for key in keys)]
    return min(
        shared,
        key=lambda name: (config["models"][name]["family"] == "vae", config["models"][name]["weights"] == "random"),
    )


def find_twin(config: Config, model: str) -> str | None:
    """Return the pretrained model whose control a model with random weights is; None of any other."""
    entry = config["models"][model]
    if entry["weights"] != "random":
        return None
    wanted = {**entry, "weights": "pretrained", "seed": None}
    return next((name for name, other in config["models"].items() if {**other, "seed": None} == wanted), None)
