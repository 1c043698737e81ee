"""Multiverses: what runs for them is what a hand counts, and each specification says what an experiment would."""

import pandas as pd
import pytest
from repository import SMALL, Job, changed, execute, plan

METRICS = ("correlation", "cosine")
EXPECTED = SMALL["multiverses"]["choices"]["expected_order"]


def jobs(rule, *places):
    return {Job(rule, place) for place in places}


SHARDS = ("00000", "00001")
VARIED = {
    "what is compared, of what is there": (
        {
            "metric": ["correlation", "cosine", "euclidean"],
            "layers": ["16", "enc16.1"],
            "average": ["classes", "objects"],
        },
        jobs("measure_specifications", "more/tiny/coco/base"),
    ),
    "masks, of maps that are there": (
        {"mask": ["nearest", "area"]},
        jobs("measure_specifications", "more/tiny/coco/mask-nearest", "more/tiny/coco/mask-area"),
    ),
    "noise and latents: the network runs, the VAE does not": (
        {"noise": [True, False], "posterior": ["sample", "mean"]},
        {
            Job("measure_specifications", f"more/tiny/coco/noise-{noise}.posterior-{posterior}")
            for noise in ("true", "false")
            for posterior in ("sample", "mean")
        }
        | {
            Job("extract_prototypes", f"plain.{changed}/tiny/coco/{shard}")
            for changed in ("posterior-mean", "noise-false", "noise-false.posterior-mean")
            for shard in SHARDS
        },
    ),
    "masks of other features: each network runs once": (
        {"mask": ["nearest", "area"], "timestep": [0, 50]},
        jobs("measure_specifications", "more/tiny/coco/mask-nearest", "more/tiny/coco/mask-area")
        | {Job("extract_features", f"plain.timestep-50/tiny/coco/{shard}") for shard in SHARDS}
        | {
            Job("pool_prototypes", f"plain.{changed}timestep-50/tiny/coco/{shard}")
            for changed in ("", "mask-area.")
            for shard in SHARDS
        },
    ),
    "another resizing: all but images and texts": (
        {"resize": ["stretch", "letterbox"]},
        jobs("measure_specifications", "more/tiny/coco/resize-stretch", "more/tiny/coco/resize-letterbox")
        | {Job("encode_images", f"tiny.resize-letterbox/coco/plain/{shard}") for shard in SHARDS}
        | {Job("extract_prototypes", f"plain.resize-letterbox/tiny.resize-letterbox/coco/{shard}") for shard in SHARDS},
    ),
}


@pytest.mark.parametrize("varied", VARIED)
def test_nothing_is_computed_that_is_there_and_nothing_twice(finished, configured, varied):
    vary, expected = VARIED[varied]
    entry = SMALL["multiverses"]["choices"] | {"vary": vary}
    planned = plan(finished, "multiverse", config=configured({"multiverses:more": entry}))
    assert {job for job in planned if job.rule != "link_model_part"} == expected | jobs("summarize_multiverse", "more")


def test_a_part_runs_what_it_needs_alone(finished, configured):
    vary = {"noise": [True, False], "posterior": ["sample", "mean"], "metric": list(METRICS)}
    entry = SMALL["multiverses"]["choices"] | {"vary": vary, "size": 2}
    planned = plan(finished, "multiverse", config=configured({"multiverses:more": entry}))
    assert len([job for job in planned if job.rule == "measure_specifications"]) == 2
    assert len([job for job in planned if job.rule == "extract_prototypes"]) == 2  # shards


@pytest.fixture(scope="module")
def beside(clone, tmp_path_factory):
    """The multiverse's other mask, as an extraction and an experiment of a user."""
    repo = clone()
    plain, metrics = SMALL["extractions"]["plain"], SMALL["experiments"]["metrics"]
    changes = {
        "extractions:by_area": plain | {"mask": "area", "datasets": ["coco"]},
        "experiments:by_area": metrics | {"extractions": ["by_area"], "datasets": ["coco"]},
    }
    config = changed(changes, tmp_path_factory.mktemp("beside") / "beside.yaml")
    assert not {"extract_features", "encode_images"} & {job.rule for job in plan(repo, "statistics", config=config)}
    execute(repo, "results/statistics/by_area/tiny/coco.order.csv", config=config)
    return repo


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("mask", "experiment"), [("nearest", "metrics"), ("area", "by_area")])
def test_a_specification_says_what_an_experiment_would(beside, mask, experiment, metric):
    found = pd.read_csv(beside.path("results/multiverses/choices.specifications.csv")).set_index("specification")
    row = found.loc[f"metric={metric}, mask={mask}"]
    folder = beside.path("results", "statistics", experiment, "tiny")
    tables = {name: pd.read_csv(folder / f"coco.{name}.csv") for name in ("separation", "order", "tests")}
    tables = {name: table[table["condition"] == metric] for name, table in tables.items()}
    (between,) = tables["separation"].query("comparison == 'between'").itertuples()
    for ours, theirs in (("separation", "separation"), ("low", "low"), ("high", "high"), ("p", "p")):
        assert row[ours] == pytest.approx(getattr(between, theirs), abs=1e-12), ours
    (order,) = tables["order"].itertuples()
    assert (row["verdict"], row["n_units"]) == (order.verdict, between.n_units)
    ends = {EXPECTED[0], EXPECTED[-1]}
    (pair,) = (pair for pair in tables["tests"].itertuples() if {pair.set_a, pair.set_b} == ends)
    assert row["dunn_index"] == pytest.approx(pair.dunn_table1, rel=1e-9)
    gaps = pd.read_csv(beside.path("results/multiverses/choices.gaps.csv")).query("specification == @row.name")
    ends = [f"{g.low:.4g} to {g.high:.4g}" if g.low == g.low else "no interval" for g in gaps.itertuples()]
    said = [f"{g.gap} by {g.value:.4g} ({end})" for g, end in zip(gaps.itertuples(), ends, strict=True)]
    assert "; ".join(said) == order.gaps
