"""What follows from the configuration for propagations: videos, how frames are read, and whether its parts fit."""

from collections.abc import Iterable
from typing import Any

from semlens.config.digests import digest_files
from semlens.config.plan import get_extraction_settings, has_videos, is_template
from semlens.config.schema import Config
from semlens.config.studies import list_runs
from semlens.images.original import ORIGINAL
from semlens.select.formats import list_formats, load_format

_MIXING = ("context", "radius", "neighbours", "temperature")


def check_propagation(config: Config, name: str) -> None:
    """Refuse a propagation whose datasets have no videos, or whose texts name what an image shows.

    Raises
    ------
    ValueError
        Naming the propagation, what is wrong, and the way out.
    """
    where, entry = f"propagation {name!r}", config["propagations"][name]
    for dataset in entry["datasets"]:
        if not has_videos(config["datasets"][dataset]):
            takers = " or ".join(f"format: {kind}" for kind in list_formats() if load_format(kind).has_videos)
            raise ValueError(f"{where} needs videos ({takers}); dataset {dataset!r} has none")
    extraction = config["extractions"][entry["extraction"]]
    if is_template(config["prompts"][extraction["prompt"]]):
        raise ValueError(
            f"{where}: prompt {extraction['prompt']!r} names the classes of a frame, which later frames must not know; "
            f"name an extraction with another prompt"
        )


def list_propagated_layers(config: Config, extraction: str) -> list[str]:
    """Return the layer sets that propagations read by an extraction."""
    entries = config.get("propagations", {}).values()
    return sorted({layers for entry in entries if entry["extraction"] == extraction for layers in entry["layers"]})


def list_propagation_runs(config: Config, propagation: str) -> list[Config]:
    """Return :func:`semlens.config.studies.list_runs` of a propagation."""
    return list_runs(config, "propagations", propagation)


def list_propagations(config: Config) -> list[Config]:
    """Return propagation, model and dataset of all that is propagated."""
    return [
        {"propagation": name, "model": run["model"], "dataset": run["dataset"]}
        for name in config["propagations"]
        for run in list_propagation_runs(config, name)
    ]


def list_shown_videos(config: Config, propagation: str) -> list[Config]:
    """Return ``dataset``, ``format``, ``exif`` and ``sequence`` of the first video of each dataset of a propagation."""
    return [
        {
            "dataset": name,
            **{key: config["datasets"][name][key] for key in ("format", "exif")},
            "sequence": list_sequences([config["datasets"][name]])[0],
        }
        for name in config["propagations"][propagation]["datasets"]
    ]


def list_tables(config: Config, propagation: str) -> list[str]:
    """Return what was measured of each run of a propagation."""
    pattern = f"<results>/propagation/{propagation}/{{model}}/{{dataset}}.csv"
    return [pattern.format_map(run) for run in list_propagation_runs(config, propagation)]


def list_shown(config: Config, propagation: str, file: str) -> list[str]:
    """Return an artefact of the shown video of each run of a propagation; ``file`` has its ``{sequence}``."""
    shown = {video["dataset"]: video["sequence"] for video in list_shown_videos(config, propagation)}
    return [
        f"<results>/propagation/{propagation}/{run['model']}/{run['dataset']}/{file}".format(
            sequence=shown[run["dataset"]]
        )
        for run in list_propagation_runs(config, propagation)
    ]


def list_sequences(datasets: Iterable[Config]) -> list[str]:
    """Return the names of all videos of some datasets, each once."""
    return list(dict.fromkeys(str(name) for dataset in datasets for name in dataset.get("sequences", {})))


def get_frame_settings(config: Config, propagation: str) -> Config:
    """Return how frames are read: :class:`semlens.extract.settings.ExtractionSettings`, with layers of the propagation.

    More layers of the extraction change nothing.
    """
    entry = config["propagations"][propagation]
    return {**get_extraction_settings(config, entry["extraction"]), "layers": entry["layers"]}


def get_frame_options(config: Config, model: str, dataset: str) -> Config:
    """Return how images are read, for readers of :mod:`semlens.propagate.frames`."""
    keys = {key: config["models"][model][key] for key in ("size", "resize")}
    return {**keys, "exif": config["datasets"][dataset]["exif"], "views": [ORIGINAL], "seed": None}


def get_propagation_options(config: Config, propagation: str, model: str) -> Config:
    """Return what decides how masks are propagated, see :func:`semlens.propagate.masks.propagate_masks`."""
    entry = config["propagations"][propagation]
    return {
        "layer_sets": entry["layers"],
        "mask": config["extractions"][entry["extraction"]]["mask"],
        "resize": config["models"][model]["resize"],
        **{key: entry[key] for key in _MIXING},
    }


def digest_video(dataset: Config, sequence: str) -> str | None:
    """Return a digest of the frames and masks of a video in a user's folder; None for datasets that rules make."""
    folder: Any = dataset["source"].get("folder")
    if folder is None:
        return None
    try:
        frames = load_format(dataset["format"]).list_frames(folder, sequence)
    except (OSError, ValueError):
        return "unknown"
    return digest_files(file for frame in frames for file in (frame.mask, f"{folder}/{frame.file}"))
