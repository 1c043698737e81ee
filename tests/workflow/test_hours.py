"""Hours follow from what jobs took in a pilot, and from nothing else. It is drawn here, so that its rates are known."""

import copy
import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from hours import Pilot, deal, tabulate
from manifests import make_instance, write_manifest
from repository import ROOT

from semlens.compare.metrics import list_metrics
from semlens.config.load import load_configuration
from semlens.config.plan import get_shard_range, list_shards

HOUR = 3600
CONFIG = {
    "shard_size": 8,
    "models": {"tiny": {"source": {"demo": {}}}, "rgb": {"source": {"baseline": "rgb"}}},
    "datasets": {
        "coco": {"format": "coco", "source": {"demo": {"images": 80, "seed": 1}}, "split": "train2017", "images": 12}
    },
    "views": {"plain": ["identity"], "cropped": ["crop_pad"]},
    "extractions": {
        "noised": {"models": ["tiny"], "datasets": ["coco"], "timesteps": [1, 100], "layers": ["enc16.1"]},
        "colour": {"models": ["rgb"], "datasets": ["coco"], "layers": ["baseline"], "keep": "prototypes"},
    },
    "experiments": {
        "metrics": {
            "extractions": ["colour"],
            "datasets": ["coco"],
            "axis": "metric",
            "conditions": ["cosine"],
            "layers": "baseline",
            "sets": ["scsi", "scdi"],
            "expected_order": ["scsi", "scdi"],
        }
    },
}
ENCODED = "encode_images/tiny/coco/plain"
NOISED, COLOUR = "extract_features/noised/tiny/coco", "extract_prototypes/colour/rgb/coco"
# Hours to start and to read shards of 8 and 4 images. In the mean, an hour to start and 0.1 for each image; the same
# for each image and timestep, which are two; and half an hour to start and 0.05 for each image.
TAKEN = {
    ENCODED: [(1.2, 0.7), (0.8, 0.5)],
    NOISED: [(1, 1.6), (1, 0.8)],
    COLOUR: [(0.5, 0.4), (0.5, 0.2)],
}
BEGUN = datetime(2026, 2, 28, 23, 30)


def load(changes=None, **datasets):
    """The configuration, with other values at the top, and of its dataset."""
    config = copy.deepcopy(CONFIG) | (changes or {})
    config["datasets"]["coco"] |= datasets
    load_configuration(config, ROOT, list_metrics())
    return config


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def draw_pilot(folder, config, taken, objects=1):
    """Write what a finished run leaves: manifests whose images show so many objects, benchmarks, logs, provenance."""
    for shard in list_shards(config, "coco"):
        images = range(*get_shard_range(config, "coco", shard))
        rows = [make_instance(f"{image}/{number}", np.ones((4, 4))) for image in images for number in range(objects)]
        path = folder / "manifests" / "coco" / f"{shard}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_manifest(rows, path)
    for job, of_shards in taken.items():
        for number, (start, reading) in enumerate(of_shards):
            write(folder / "benchmarks" / job / f"{number:05d}.tsv", f"s\th:m:s\n{(start + reading) * HOUR}\t0:00:00\n")
            what = "encoding 8 images on cpu" if job.startswith("encode") else "reading enc16.1 at t = [1] on cpu"
            lines = [(BEGUN, f"INFO {what}"), (BEGUN + timedelta(hours=reading), "DEBUG done in 1.0 s")]
            said = [f"{when:%Y-%m-%d %H:%M:%S},000 {line}\n" for when, line in lines]
            write(folder / "logs" / job / f"{number:05d}.log", "".join(said))
    run = {"stages": [{"stage": "extract", "device": "a drawn GPU"}], "configuration": config}
    (folder / "provenance.json").write_text(json.dumps(run))
    return folder


def read_rows(table):
    """The cells of a table's rows, by stage and what."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return {(row[0], row[1]): dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def get_hours(config, pilot, gpus=1, objects=1.0):
    return {
        place: row[f"hours on {gpus} GPU{'s' if gpus > 1 else ''}"]
        for place, row in read_rows(tabulate(config, pilot, gpus, objects)).items()
    }


def test_hours_are_those_computed_by_hand(tmp_path):
    """Four shards of 10 images: 2 hours to encode one, 3 to read it at two timesteps, 1 to average its colour."""
    pilot = Pilot(draw_pilot(tmp_path, load(), TAKEN))
    assert pilot.devices == ["a drawn GPU"]
    whole = load({"shard_size": 10}, images=40)
    assert get_hours(whole, pilot) == {
        ("encode", "plain"): "8",
        ("extract", "noised"): "12",
        ("extract", "colour"): "4",
        ("encode", "all"): "8",
        ("extract", "all"): "16",
        ("both", "all"): "24",
    }
    assert get_hours(whole, pilot, gpus=3) == {
        ("encode", "plain"): "4",  # two jobs one after another
        ("extract", "noised"): "6",
        ("extract", "colour"): "2",
        ("encode", "all"): "4",
        ("extract", "all"): "6",  # 3 + 3, 3 + 1 + 1, 3 + 1 + 1
        ("both", "all"): "8",  # 3 + 3 + 1 + 1, 3 + 2 + 2 + 1, 3 + 2 + 2 + 1
    }


def test_rates_stand_beside_the_jobs_that_they_are_from(tmp_path):
    pilot = Pilot(draw_pilot(tmp_path, load(), TAKEN))
    row = read_rows(tabulate(load({"shard_size": 10}, images=40), pilot, 1, 1))["extract", "noised"]
    assert (row["jobs of the pilot"], row["start, s"], row["s per pass"]) == ("2", "3.6e+03", "360")
    assert (row["jobs"], row["passes"]) == ("4", "80")


def test_a_view_of_objects_has_a_pass_for_each(tmp_path):
    """The pilot's objects are counted, those of the whole run assumed."""
    cropped = CONFIG["extractions"]["noised"] | {"views": "cropped"}
    changes = {"extractions": CONFIG["extractions"] | {"noised": cropped}}
    taken = TAKEN | {"encode_images/tiny/coco/cropped": [(1, 24), (1, 12)]}  # an hour for each of 24 and 12 objects
    pilot = Pilot(draw_pilot(tmp_path, load(changes), taken, objects=3))
    rows = read_rows(tabulate(load(changes, images=8), pilot, 1, 2.5))
    assert (rows["encode", "cropped"]["s per pass"], rows["encode", "cropped"]["passes"]) == ("3.6e+03", "20")


@pytest.mark.parametrize(
    "changes",
    [
        {"models": CONFIG["models"] | {"tiny": {"source": {"demo": {}}, "resize": "letterbox"}}},
        {"dtype": "float16"},
        {"optimizations": ["tf32"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_pilot_did_not_run_is_not_measured(tmp_path, changes):
    pilot = Pilot(draw_pilot(tmp_path, load(), TAKEN))
    hours = get_hours(load(changes), pilot)
    assert hours["extract", "noised"] == "not measured"
    if "optimizations" not in changes:  # which encoding knows nothing of
        assert hours["encode", "plain"] == hours["encode", "all"] == "not measured"
    if "models" in changes:
        assert hours["extract", "colour"] == "1.6"
        assert hours["extract", "all"] == hours["both", "all"] == "at least 1.6"


@pytest.mark.parametrize(("gpus", "hours"), [(1, 12), (2, 6), (3, 5), (9, 5)])
def test_the_longest_job_that_is_left_goes_to_the_first_free_gpu(gpus, hours):
    assert deal([job * HOUR for job in (2, 5, 1, 4)], gpus) == hours
