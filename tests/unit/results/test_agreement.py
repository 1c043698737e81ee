"""A notebook reads agreement, of a finished run and of one that is not."""

import json

import pandas as pd
import pytest

import semlens

ASKED = {"both": {"datasets": ["voc", "coco"]}}


@pytest.fixture
def results(tmp_path):
    """A run that has the agreement of two datasets, and does not say yet what it was asked."""
    (tmp_path / "index").mkdir()
    folder = tmp_path / "agreement" / "both"
    folder.mkdir(parents=True)
    for dataset, value in (("coco", 0.5), ("voc", 0.25)):
        pd.DataFrame({"condition_a": ["50"], "measure": ["cka"], "value": [value]}).to_csv(
            folder / f"{dataset}.csv", index=False
        )
        (folder / f"{dataset}.objects.csv").write_text("instance_id\n")
    return tmp_path


def finish(results):
    entries = {key: {} for key in ("models", "datasets", "extractions", "experiments")}
    record = {"configuration": {**entries, "agreements": ASKED}, "datasets": []}
    (results / "provenance.json").write_text(json.dumps(record))


def test_an_unfinished_run_has_what_is_there(results):
    found = semlens.open_run(results).agreement("both")
    assert found.to_dict("list") == {
        "dataset": ["coco", "voc"],
        "condition_a": ["50", "50"],
        "measure": ["cka", "cka"],
        "value": [0.5, 0.25],
    }


def test_a_finished_run_has_what_was_asked_in_its_order(results):
    finish(results)
    assert semlens.open_run(results).agreement("both")["dataset"].tolist() == ["voc", "coco"]


def test_a_name_that_is_not_there_is_refused(results):
    with pytest.raises(ValueError, match="there is no agreement 'none'; there are both"):
        semlens.open_run(results).agreement("none")


def test_a_table_that_is_gone_is_named(results):
    finish(results)
    (results / "agreement" / "both" / "coco.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"agreement/both/coco\.csv is not there"):
        semlens.open_run(results).agreement("both")
