"""An experiment's figures, drawn again from a run's files."""

from collections.abc import Iterator

import matplotlib.pyplot as plt

from semlens.config.models import list_compared_models
from semlens.config.plan import (
    list_comparisons,
    list_conditions,
    list_distinct_inputs,
    list_example_options,
    list_example_shards,
    list_questions,
    name_metric,
)
from semlens.config.readings import list_sampled
from semlens.config.schema import Config
from semlens.draw.artefacts import Measurement, draw_artefacts
from semlens.draw.boxes import draw_boxes
from semlens.draw.class_maps import draw_class_distances, draw_pca
from semlens.draw.curves import draw_curves
from semlens.draw.example_objects import draw_example_objects, load_example_objects
from semlens.draw.grids import list_maps
from semlens.draw.heat_maps import draw_heat_maps
from semlens.draw.kinds import list_kinds
from semlens.draw.neighbours import choose_neighbours, draw_neighbours
from semlens.draw.object_crops import load_crops
from semlens.draw.pairs import choose_pairs, draw_pairs
from semlens.draw.separation import draw_separation
from semlens.draw.style import PALETTE, Statistics, read_statistics
from semlens.draw.tasks import Measurement as TasksMeasurement
from semlens.draw.tasks import draw_tasks
from semlens.draw.tokens import draw_tokens, read_tokens
from semlens.draw.tracks import draw_track, load_track
from semlens.results.files import RunFiles, check_name


def draw_figure(files: RunFiles, experiment: str, kind: str | None) -> plt.Figure:
    """Return a figure of an experiment; see :meth:`semlens.results.run.Run.plot`."""
    if files.configuration is None:
        raise FileNotFoundError(f"the run in {files.folder} is not finished: its figures need its configuration")
    check_name("experiment", experiment, files.configuration["experiments"])
    entry = files.configuration["experiments"][experiment]
    kinds = [known.name for known in list_kinds(entry) if known.file.endswith(".png")]
    chosen = kinds[0] if kind is None else kind
    check_name("kind of figure", chosen, kinds)
    words = {"title": entry["title"], "axis": entry["axis"]}
    look = {"metric": name_metric(entry), "palette": files.configuration.get("palette", PALETTE)}
    match chosen:
        case "boxes":
            return draw_boxes(_read(files, experiment, "sets"), _read(files, experiment, "order"), **words, **look)
        case "curves":
            return draw_curves(_read(files, experiment, "sets"), **words, **look)
        case "heat_maps":
            tasks = _read(files, experiment, "tasks") if entry["tasks"] else {}
            return draw_heat_maps(list_maps(_read(files, experiment, "separation"), tasks), title=entry["title"])
        case "separation":
            return _draw_separation(files, experiment)
        case "artefacts":
            return _draw_artefacts(files, experiment)
        case "tasks":
            return _draw_tasks(files, experiment)
        case "tokens":
            return _draw_tokens(files, experiment)
        case "class_distances":
            return draw_class_distances(_read(files, experiment, chosen), **words)
        case "pca":
            return draw_pca(_read(files, experiment, chosen), **words)
        case "track":
            return _draw_track(files, experiment)
        case "neighbours" | "pairs":
            return _draw_crops(files, experiment, chosen)
        case "objects":
            examples = load_example_objects(_list_examples(files, experiment))
            return draw_example_objects(examples, list_distinct_inputs(entry), **words)
    raise NotImplementedError(f"figures of kind {chosen!r} cannot be drawn again")


def _read(files: RunFiles, experiment: str, kind: str) -> Statistics:
    paths = {}
    for comparison in list_comparisons(files.configuration, experiment):
        found = files.find_statistics(comparison)
        if kind not in found:
            raise FileNotFoundError(f"{files.folder} has no {kind!r} of {experiment!r} yet")
        paths[comparison["name"]] = found[kind]
    return read_statistics(list(paths), list(paths.values()))


def _draw_separation(files: RunFiles, experiment: str) -> plt.Figure:
    comparisons = files.read_comparisons(list_questions(files.configuration, experiment))
    entry = files.configuration["experiments"][experiment]
    models = list_compared_models(files.configuration)
    return draw_separation(comparisons, models, title=entry["title"], seed=files.configuration["seed"])


def _draw_artefacts(files: RunFiles, experiment: str) -> plt.Figure:
    comparisons, entry = (
        list_comparisons(files.configuration, experiment),
        files.configuration["experiments"][experiment],
    )
    kinds = [_read(files, experiment, kind) for kind in ("separation", "artefacts")]
    measurements = [
        Measurement(one["model"], one["dataset"], *(tables[one["name"]] for tables in kinds)) for one in comparisons
    ]
    models = list_compared_models(files.configuration)
    return draw_artefacts(measurements, models, title=entry["title"], axis=entry["axis"])


def _draw_tasks(files: RunFiles, experiment: str) -> plt.Figure:
    entry, tables = files.configuration["experiments"][experiment], _read(files, experiment, "tasks")
    measurements = [
        TasksMeasurement(one["model"], one["dataset"], tables[one["name"]])
        for one in list_comparisons(files.configuration, experiment)
    ]
    models = list_compared_models(files.configuration)
    return draw_tasks(measurements, models, title=entry["title"], axis=entry["axis"])


def _draw_tokens(files: RunFiles, experiment: str) -> plt.Figure:
    entry = files.configuration["experiments"][experiment]
    sources = list_sampled(files.configuration, experiment)
    tokens = read_tokens([files.find_tokens(source) for source in sources], sources, list_conditions(entry))
    models = list_compared_models(files.configuration)
    return draw_tokens(tokens, models, title=entry["title"], axis=entry["axis"])


def _draw_crops(files: RunFiles, experiment: str, kind: str) -> plt.Figure:
    choose, draw = {"neighbours": (choose_neighbours, draw_neighbours), "pairs": (choose_pairs, draw_pairs)}[kind]
    entry = files.configuration["experiments"][experiment]
    comparisons = list_comparisons(files.configuration, experiment)
    datasets = {comparison["name"]: comparison["dataset"] for comparison in comparisons}
    tables = choose(_read(files, experiment, kind))
    sources = {
        dataset: {
            "manifests": files.list_manifests(dataset),
            "images": files.find_images(dataset),
            "exif": files.find_exif(dataset),
        }
        for dataset in entry["datasets"]
    }
    crops = load_crops(tables, datasets, sources)
    return draw(tables, datasets, crops, title=entry["title"], axis=entry["axis"])


def _draw_track(files: RunFiles, experiment: str) -> plt.Figure:
    entry = files.configuration["experiments"][experiment]
    (dataset,) = entry["datasets"]
    manifests = files.list_manifests(dataset)
    tracks = {
        comparison["model"]: load_track(files.find_distances(comparison), manifests, entry["reference"])
        for comparison in list_comparisons(files.configuration, experiment)
    }
    return draw_track(tracks, files.find_images(dataset), title=entry["title"], exif=files.find_exif(dataset))


def _list_examples(files: RunFiles, experiment: str) -> Iterator[Config]:
    """Yield the shards that example objects are taken from, with what decides their masks."""
    shards = list_example_shards(files.configuration, experiment)
    for shard, options in zip(shards, list_example_options(files.configuration, experiment), strict=True):
        names = {key: shard[key] for key in ("extraction", "model", "dataset")}
        stage = "features" if files.keeps_maps(shard["extraction"]) else "prototypes"
        yield options | {
            "features": files.list_extracted(stage, **names)[0],
            "manifest": files.list_manifests(shard["dataset"])[0],
            "images": files.find_images(shard["dataset"]),
        }
