"""Searches of a configuration: what does not fit is refused, and what they read is pooled."""

from pathlib import Path

import pytest
import yaml

from semlens.compare.metrics import list_metrics
from semlens.config.load import load_configuration
from semlens.config.paths import list_searches
from semlens.config.readings import list_layer_sets
from semlens.config.studies import describe_run_models

ROOT = Path(__file__).parents[3]


def load(**changes):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["searches"]["together"] |= changes
    load_configuration(config, ROOT, list_metrics())
    return config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extraction": "plane"}, "search 'together' names extraction 'plane'.*'plain'"),
        ({"datasets": ["lvis"]}, "search 'together' names dataset 'lvis'.*; there are coco, voc, davis"),
        ({"datasets": ["davis"]}, "search 'together': extraction 'plain' does not read dataset 'davis', but coco, voc"),
        ({"timestep": 50}, "search 'together': extraction 'plain' does not read timestep 50, but 0; set 'timestep'"),
        (
            {"layers": ["16", "mid8", "enc16.1"]},
            "search 'together': layers '16' and 'enc16.1' share layer 'enc16.1'; .* leave one of them out",
        ),
        (
            {"layers": ["mid8", "enc8.1"]},
            "extraction 'plain': the model has layers 'enc8.1', but they are not captured; add them to 'layers'",
        ),
        ({"layers": ["mid8", "enc99"]}, "no layer 'enc99'"),
        ({"layers": ["mid8"]}, "searches.together.layers: .*too short"),
        ({"metrics": ["cityblock"]}, "cityblock"),
        ({"beam": 0}, "beam"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_with_the_way_out(changes, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        load(**changes)


def test_an_extraction_without_originals_is_refused():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["searches"]["together"] |= {"extraction": "transformed", "datasets": ["voc"]}
    with pytest.raises(ValueError, match="'together': extraction 'transformed' does not read images as they are"):
        load_configuration(config, ROOT, list_metrics())


def test_layers_of_a_search_are_pooled_on_its_datasets_alone():
    config = load(layers=["dec64.2", "dec64.3"])
    assert {"dec64.2", "dec64.3"} <= set(list_layer_sets(config, "plain", "coco"))
    assert not {"dec64.2", "dec64.3"} & set(list_layer_sets(config, "plain", "voc"))


def test_each_model_is_searched_on_each_dataset():
    config = load(datasets=["coco", "voc"])
    runs = [(model, dataset) for dataset in ("coco", "voc") for model in ("trained", "untrained")]
    found = [f"<results>/search/together/{model}/{dataset}" for model, dataset in runs]
    assert list_searches(config) == [f"{name}.csv" for name in found]
    assert list_searches(config, "together", ".summary") == [f"{name}.summary.csv" for name in found]


def test_models_of_a_search_are_described_where_no_experiment_compares_them():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config |= {"experiments": {}, "agreements": {}}
    load_configuration(config, ROOT, list_metrics())
    assert describe_run_models(config, "searches", "together") == [
        {"name": "trained", "weights": "pretrained", "controls": None},
        {"name": "untrained", "weights": "random", "controls": "trained"},
    ]
