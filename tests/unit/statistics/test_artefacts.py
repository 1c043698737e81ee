"""Artefacts that are planted in prototypes are told, and vanish with the options that are made for them."""

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from planted import encode_classes, encode_places, plant_objects

from semlens.compare.prototypes import open_prototypes
from semlens.statistics.artefacts import ARTEFACTS_TABLE, measure_artefacts, measure_largest
from semlens.statistics.measure import Options, measure_condition
from semlens.storage.tables import check_table

OPTIONS = Options("classes", 39, 10_000, 0, "cpu")
CONDITION = {
    **{"name": "x", "view": "identity", "timestep": 0, "layers": "mid8", "offset": None, "metric": "correlation"},
}


def write(path, rows, vectors):
    flat = arrow.FixedSizeListArray.from_arrays(arrow.array(vectors.astype(np.float32).ravel()), vectors.shape[1])
    frame = rows.assign(view="identity", timestep=np.int32(0))
    table = arrow.Table.from_pandas(frame, preserve_index=False).append_column("mid8@8", flat)
    parquet.write_table(table.replace_schema_metadata({b"layer_sets": b'{"mid8": ["mid8@8"]}'}), path)
    return open_prototypes([path])


def tell(shards, places, **changes):
    """The row of artefacts, and the row of separation between images: value and null."""
    condition = {**CONDITION, **changes}
    (artefacts,) = measure_artefacts(shards, [condition], places, 0).itertuples()
    between = measure_condition(shards, condition, "all", OPTIONS, places)[0]
    return artefacts, between.average.value


@pytest.fixture(scope="module")
def of_place(tmp_path_factory):
    """Prototypes that hold place alone, of classes that differ in place."""
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng, confounding=1.0)
    vectors = encode_places(places, rng) + 0.2 * rng.standard_normal((len(rows), 12))
    return write(tmp_path_factory.mktemp("place") / "0.parquet", rows, vectors), places


@pytest.fixture(scope="module")
def swamped(tmp_path_factory):
    """62 channels that hold classes, and two huge ones that hold nothing."""
    rng = np.random.default_rng(0)
    rows, places = plant_objects(rng)
    clean = encode_classes(rows, 62) + rng.standard_normal((len(rows), 62))
    huge = 300 * (1 + rng.standard_normal((len(rows), 2)))
    return write(tmp_path_factory.mktemp("swamped") / "0.parquet", rows, np.hstack([clean, huge])), places


def test_place_that_separates_classes_is_told_and_taken_away(of_place):
    artefacts, plain = tell(*of_place)
    assert plain > 0.6 and artefacts.place_r2 > 0.9 and artefacts.size_r2 > 0.9
    assert tell(*of_place, given=["area", "position"])[1] < 0.51


def test_few_huge_channels_are_told(swamped):
    artefacts, raw = tell(*swamped)
    assert artefacts.variance_share > 0.99 and artefacts.magnitude_share > 0.99 and abs(raw - 0.5) < 0.03
    assert set(artefacts.largest_channels.split(", ")[:2]) == {"mid8:62", "mid8:63"}
    assert artefacts.n_channels == 64 and artefacts.discarded_channels is None
    assert artefacts.place_r2 < 0.1


@pytest.mark.parametrize("changes", [{"discard_channels": 2}, {"standardize_channels": True}], ids=str)
def test_classes_are_found_without_the_huge_channels(swamped, changes):
    artefacts, separation = tell(*swamped, **changes)
    assert separation > 0.9 and artefacts.variance_share < 0.2


def test_what_was_left_out_is_named(swamped):
    artefacts, _ = tell(*swamped, discard_channels=2)
    assert set(artefacts.discarded_channels.split(", ")) == {"mid8:62", "mid8:63"} and artefacts.n_channels == 62


def test_shares_are_those_of_the_largest_channels():
    """By hand: the four of largest mean magnitude are 9, 4, 3 and 2; their variances are 0, 0, 9 and 4."""
    vectors = np.array([[9, 4, 3, 2, 1], [9, -4, -3, -2, -1]]) * [1, 1, 1, 1, 1.0]
    vectors[:, 1] = 4
    found = measure_largest(vectors, list("abcde"))
    assert found["largest_channels"] == "a, b, c, d"
    assert found["variance_share"] == pytest.approx(13 / 14)
    assert found["magnitude_share"] == pytest.approx(110 / 111)


def test_conditions_of_the_same_prototypes_have_the_same_values(of_place):
    shards, places = of_place
    both = [{**CONDITION, "name": name, "metric": name} for name in ("cosine", "euclidean")]
    table = check_table(measure_artefacts(shards, both, places, 0), ARTEFACTS_TABLE, "t.csv")
    assert table["condition"].tolist() == ["cosine", "euclidean"]
    pd.testing.assert_series_equal(table.iloc[0, 1:], table.iloc[1, 1:], check_names=False)
