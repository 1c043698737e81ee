"""A search against separation of concatenated prototypes, and what was planted."""

from dataclasses import replace

import numpy as np
import pytest
from layer_vectors import multiply, plant_layers

from semlens.statistics.anchors import list_classes
from semlens.statistics.gram import METRICS
from semlens.statistics.labels import Labels
from semlens.statistics.neighbours import fill_distances, iterate_between
from semlens.statistics.search import Options, combine, measure_exactly, search, search_objects
from semlens.statistics.search_tables import SEARCH_SUMMARY, SEARCH_TABLE, summarize_search, tabulate_search
from semlens.statistics.separation import measure_separation

OPTIONS = Options(average="classes", beam=5, seed=0, n_anchors=60, n_exact=8)


def search_planted(seed=0, n_layers=5, options=OPTIONS, metric="correlation", **planted):
    _, labels, layers = plant_layers(seed, n_layers, **planted)
    products = multiply(layers)
    return products, labels, *search(products, metric, labels, options)


def measure_plainly(rows, vectors, metric, by="classes"):
    labels = Labels.from_rows(rows)
    distances = fill_distances(vectors, metric)
    return measure_separation(iterate_between(distances, labels), labels, labels.classes).average(by)


@pytest.mark.parametrize("by", ["classes", "objects"])
@pytest.mark.parametrize("metric", METRICS)
def test_every_subset_has_the_separation_of_concatenated_prototypes(metric, by):
    """Two distances that float32 does not tell apart, or in the other order, are 1e-7 of the separation."""
    rows, labels, layers = plant_layers(0, 6, signal=(1, 4), images=120)
    options = Options(average=by, beam=1, seed=0, n_exact=63)
    found = search_objects(multiply(layers), metric, np.arange(len(rows)), labels, list_classes(labels), options)
    assert len(found.subsets) == len(found.measured) == 63
    for subset, value, se in zip(found.measured, found.exact.values, found.exact.se, strict=True):
        vectors = np.hstack([layers[f"l{layer}"] for layer in subset])
        plain = measure_plainly(rows, vectors, metric, by)
        assert value == pytest.approx(plain.value, abs=1e-6)
        n = plain.n_units
        assert se == pytest.approx(np.sqrt(n / (n - 1) * np.sum(plain.influence**2)), abs=1e-6)
        assert found.sampled[found.subsets.index(subset)] == pytest.approx(value, abs=0.1)


def test_layers_that_show_parts_of_a_class_are_found_together_and_noise_is_left_out():
    _, _, found, told = search_planted(signal=(1, 3))
    chosen = found.choose()
    assert chosen["best"] == chosen["smallest tied"] == (1, 3)
    assert [one.chosen["best"] for one in told] == [(1, 3), (1, 3)]
    above, low, _ = combine(told, "best", "best single layer")
    assert 0 < low < above
    assert combine(told, "all layers", "best single layer").value < above


def test_the_best_of_many_without_any_signal_is_no_better_than_chance_elsewhere():
    gaps, elsewhere = [], []
    for seed in range(12):
        _, _, found, told = search_planted(seed, n_layers=7)
        gaps.append(np.nanmax(found.exact.values) - 0.5)
        elsewhere.append(combine(told, "best").value - 0.5)
    assert np.mean(gaps) > 0.01
    assert abs(np.mean(elsewhere)) < 0.4 * np.mean(gaps)


def test_what_a_half_chose_is_measured_on_the_other_half_alone():
    """The images of the second half are replaced: what the first one chooses stays, what it is worth does not."""
    rows, labels, layers = plant_layers(0, 4, signal=(0, 2))
    is_first = np.random.default_rng(OPTIONS.seed).permutation(len(labels.unit_names)) < len(labels.unit_names) / 2
    replaced = {name: vectors.copy() for name, vectors in layers.items()}
    for name, vectors in plant_layers(1, 4, signal=())[2].items():
        n = min(len(vectors), len(rows))
        second = np.flatnonzero(~is_first[labels.units])
        second = second[second < n]
        replaced[name][second] = vectors[second]
    (first, _), (other, _) = (search(multiply(one), "cosine", labels, OPTIONS)[1] for one in (layers, replaced))
    assert first.chosen == other.chosen
    assert first.averages["best"].value > 0.8 > 0.65 > other.averages["best"].value
    for average in first.averages.values():
        assert (average.influence[is_first] == 0).all() and (average.influence[~is_first] != 0).any()


def test_halves_count_the_classes_that_count_on_all_images():
    rows, labels, layers = plant_layers(0, 2, signal=(0, 1), images=24, classes=5)
    classes = list_classes(labels)
    half = np.flatnonzero(labels.units < len(labels.unit_names) // 2)
    assert len(classes) == 5
    found = measure_exactly(multiply(layers), "cosine", (0, 1), half, labels, classes, "classes")
    vectors = np.hstack(list(layers.values()))[half]
    own = Labels.from_rows(rows.iloc[half])
    distances = fill_distances(vectors, "cosine")
    separation = measure_separation(iterate_between(distances, own), own, own.classes)
    assert len(separation.list_classes()) < 5
    by_class = [separation.average_class(code).value for code in range(len(own.class_names))]
    assert found.value == pytest.approx(np.mean(by_class), abs=1e-6)


def test_a_beam_finds_what_all_subsets_show():
    _, _, found, _ = search_planted(n_layers=16, signal=(2, 7, 12), images=60, widths=(12,), metric="euclidean")
    assert found.choose()["best"] == (2, 7, 12)
    assert len(found.subsets) < 16 * 16 * OPTIONS.beam
    assert {len(one) for one in found.subsets} == set(range(1, 17))


def test_equal_layers_are_tied_and_the_fewest_are_named():
    _, labels, layers = plant_layers(0, 1, signal=(0,))
    twins = {"a": layers["l0"], "b": layers["l0"], "c": 2 * layers["l0"]}
    found, _ = search(multiply(twins), "cosine", labels, OPTIONS)
    assert found.among_best.all() and len(found.among_best) == 7
    assert found.choose()["best"] == found.choose()["smallest tied"] == (0,)


@pytest.mark.parametrize(("images", "classes"), [(30, 1), (1, 4), (3, 2)])
def test_where_no_class_counts_there_are_tables_without_values(images, classes):
    products, labels, found, told = search_planted(n_layers=2, images=images, classes=classes)
    assert found.choose() == {}
    table = SEARCH_TABLE.validate(tabulate_search(products, "cosine", found, told))
    assert list(table["layers"]) == ["l0", "l1", "l0+l1"] and table["exact"].isna().all()
    assert not table["among_best"].any()
    summary = SEARCH_SUMMARY.validate(summarize_search(products, "cosine", found, told, labels, len(labels)))
    assert summary["layers"].isna().all() and (summary["n_classes"] == 0).all()


def test_a_layer_that_is_constant_is_undefined_alone_and_adds_nothing_to_others():
    _, labels, layers = plant_layers(0, 2, signal=(0, 1))
    layers["l1"][:] = 0
    products = multiply(layers)
    found, told = search(products, "correlation", labels, OPTIONS)
    table = tabulate_search(products, "correlation", found, told).set_index("layers")
    assert np.isnan(table.loc["l1", ["sampled", "exact"]].astype(float)).all()
    assert not table.loc["l1", "among_best"]
    assert table.loc["l0+l1", "exact"] > 0.6
    assert found.choose()["best single layer"] == (0,)


def test_tables_say_what_was_chosen_where():
    products, labels, found, told = search_planted(signal=(1, 3))
    table = SEARCH_TABLE.validate(tabulate_search(products, "correlation", found, told))
    assert len(table) == 31 and table["layers"].is_unique
    best = table.iloc[0]
    assert (best["layers"], best["n_layers"], best["n_channels"]) == ("l1+l3", 2, 11)
    assert best["low"] < best["exact"] < best["high"] and best["among_best"]
    assert best["chosen_by"] == "both halves"
    assert best["elsewhere"] == pytest.approx(combine(told, "best").value)
    assert table["exact"].notna().sum() >= OPTIONS.n_exact
    assert set(table.loc[table["n_layers"].isin([1, 5]), "exact"].notna()) == {True}
    assert table.groupby("n_layers")["exact"].max().notna().all()
    summary = SEARCH_SUMMARY.validate(summarize_search(products, "correlation", found, told, labels, 1_000))
    rows = summary.set_index("choice")
    assert rows.loc["best", "layers"] == "l1+l3" and rows.loc["all layers", "n_layers"] == 5
    assert (rows["n_tried"] == 31).all() and (rows["n_all"] == 1_000).all()
    assert (rows["n_tied"] == table["among_best"].sum()).all()
    assert rows.loc["best single layer", "above_single"] == 0
    assert rows.loc["best", "above_single"] == pytest.approx(
        rows.loc["best", "elsewhere"] - rows.loc["best single layer", "elsewhere"]
    )


def test_a_subset_that_one_half_cannot_judge_has_no_mean_of_both():
    products, _, found, (first, second) = search_planted(signal=(1, 3))
    unknown = second.averages["best"]._replace(value=np.nan)
    told = (first, replace(second, averages=second.averages | {"best": unknown}))
    best = tabulate_search(products, "correlation", found, told).iloc[0]
    assert best["chosen_by"] == "both halves"
    assert np.isnan(best["elsewhere"]) and np.isnan(combine(told, "best").value)
