"""Prototypes to the search for the layers that together separate classes best."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from semlens.compare.pairs import get_units
from semlens.compare.prototypes import PrototypeShard, load_prototypes, open_prototypes
from semlens.images.original import ORIGINAL
from semlens.models.layers import find_forward_position
from semlens.runtime.logs import log
from semlens.statistics.gram import LayerProducts
from semlens.statistics.labels import Labels
from semlens.statistics.sampling import sample_units
from semlens.statistics.search import Options, search
from semlens.statistics.search_tables import SEARCH_SUMMARY, SEARCH_TABLE, summarize_search, tabulate_search
from semlens.storage.tables import write_csv

MAX_OBJECTS = 3_000  # of whole images (videos)
_MAX_BYTES = 11 * MAX_OBJECTS**2 * 8  # of inner products: of more layers, fewer objects take part


def search_layers(
    *,
    prototypes: Sequence[str | Path],
    layers: Sequence[str],
    timestep: int,
    metrics: Sequence[str],
    options: Options,
    out: str | Path,
    out_summary: str | Path,
) -> None:
    """Write every subset of some layers with its separation, and what is chosen.

    Of more than ``MAX_OBJECTS`` objects, or fewer where there are more than eleven layers, those of as many whole
    images (videos) take part as have about so many, drawn at random.

    Parameters
    ----------
    prototypes
        Shards of one extraction, model and dataset.
    layers
        Layer sets that share no layer.

    Raises
    ------
    ValueError
        If two layer sets share a layer, or the shards do not hold one.
    """
    shards = open_prototypes(prototypes)
    names = sort_layers(shards, layers)
    rows, n_all, products = load_products(shards, names, timestep, options.seed)
    labels = Labels.from_rows(rows)
    log.info("%d of %d objects, %d layers", len(rows), n_all, len(names))
    tables, summaries = [], []
    for metric in metrics:
        found, told = search(products, metric, labels, options)
        tables.append(tabulate_search(products, metric, found, told))
        summary = summarize_search(products, metric, found, told, labels, n_all)
        summaries.append(summary)
        for row in summary.itertuples():
            log.info("%s, %s: %s: %.4f, elsewhere %.4f", metric, row.choice, row.layers, row.separation, row.elsewhere)
    write_csv(pd.concat(tables, ignore_index=True), SEARCH_TABLE, out)
    write_csv(pd.concat(summaries, ignore_index=True), SEARCH_SUMMARY, out_summary)


def sort_layers(shards: Sequence[PrototypeShard], layers: Sequence[str]) -> list[str]:
    """Return layer sets in forward order of their first layers.

    Raises
    ------
    ValueError
        If two share a layer, or the shards do not hold one.
    """
    first, seen = {}, {}
    for layer_set in layers:
        if layer_set not in shards[0].layer_sets:
            raise ValueError(f"no prototypes of layers {layer_set!r}; there are {', '.join(shards[0].layer_sets)}")
        held = [column.split("@")[0] for column in shards[0].layer_sets[layer_set]]
        for layer in held:
            if layer in seen:
                raise ValueError(f"layers {seen[layer]!r} and {layer_set!r} of a search share layer {layer!r}")
            seen[layer] = layer_set
        first[layer_set] = find_forward_position(held[0])
    return sorted(layers, key=first.__getitem__)


def load_products(
    shards: Sequence[PrototypeShard], names: Sequence[str], timestep: int, seed: int
) -> tuple[pd.DataFrame, int, LayerProducts]:
    """Return the objects that take part, the number of all, and their inner products in each layer set."""
    limit = min(MAX_OBJECTS, int(np.sqrt(_MAX_BYTES / 8 / len(names))))
    n_all, taken = 0, []

    def choose(rows: pd.DataFrame) -> np.ndarray:
        nonlocal n_all
        n_all = len(rows)
        return sample_units(get_units(rows), limit, seed)

    def load() -> Iterator[tuple[str, np.ndarray]]:
        for name in names:
            condition = {"name": name, "layers": name, "timestep": timestep, "view": ORIGINAL}
            rows, vectors = load_prototypes(shards, condition, choose)
            taken.append(rows)
            yield name, vectors

    products = LayerProducts.from_vectors(load(), len(names))
    if any(list(rows["instance_id"]) != list(taken[0]["instance_id"]) for rows in taken):
        raise ValueError("layers of a search hold prototypes of different objects; extract them together")
    return taken[0], n_all, products
