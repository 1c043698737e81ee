"""Experiments that ask the same are taken together, and nothing is lost on the way."""

import numpy as np
import pytest
from studies import SETTINGS, make_comparison

from semlens.config.axes import FOREIGN
from semlens.statistics.intervals import compute_se
from semlens.statistics.studies import collect_studies, read_comparisons


def get_values(study, model="trained"):
    estimates = study.estimates[model]
    return dict(zip(estimates.names, estimates.values, strict=True))


def test_experiments_along_one_axis_under_the_same_settings_are_one_study():
    first = make_comparison(values={"16": 0.7, "32": 0.6}, experiment="resolution")
    second = make_comparison(values={"mid8": 0.8, "16": 0.7}, experiment="layers")
    (study,) = collect_studies([first, second])
    assert study.conditions == ("16", "32", "mid8")
    assert get_values(study) == {"16": 0.7, "32": 0.6, "mid8": 0.8}


@pytest.mark.parametrize(
    ("key", "value"), [("timestep", 200), ("prompt", "classes"), ("inference_steps", 5), ("mask", "area")]
)
def test_experiments_under_other_settings_are_another_study(key, value):
    first = make_comparison(values={"16": 0.7})
    second = make_comparison(values={"16": 0.8}, settings={**SETTINGS, key: value})
    studies = collect_studies([first, second])
    assert [get_values(study) for study in studies] == [{"16": 0.7}, {"16": 0.8}]
    assert studies[1].settings[key] == value


def test_separation_is_the_mean_over_datasets_and_its_error_follows():
    comparisons = [
        make_comparison(values={"16": 0.7}, dataset="coco", n_units=40, noise=0.03),
        make_comparison(values={"16": 0.9}, dataset="voc", n_units=10, noise=0.04, seed=1),
    ]
    (study,) = collect_studies(comparisons)
    assert study.datasets == ("coco", "voc")
    assert get_values(study) == pytest.approx({"16": 0.8})
    errors = [compute_se(entry.influence["influence"].to_numpy(), len(entry.influence)) for entry in comparisons]
    assert study.estimates["trained"].se[0] == pytest.approx(np.hypot(*errors) / 2)
    assert study.estimates["trained"].n_units.tolist() == [10]
    assert (study.n_objects["trained"], study.n_units["trained"]) == (200, 50)


def test_a_condition_that_one_dataset_lacks_is_compared_where_it_was_measured():
    comparisons = [
        make_comparison(values={"16": 0.7, "mid8": 0.9}, dataset="coco"),
        make_comparison(values={"16": 0.5}, dataset="voc"),
    ]
    both, coco = collect_studies(comparisons)
    assert (both.datasets, get_values(both)) == (("coco", "voc"), pytest.approx({"16": 0.6}))
    assert (coco.datasets, get_values(coco)) == (("coco",), {"16": 0.7, "mid8": 0.9})


def test_a_dataset_on_which_no_class_counts_does_not_take_the_others_along():
    comparisons = [
        make_comparison(values={"16": 0.7}, dataset="coco"),
        make_comparison(values={"16": None}, dataset="voc"),
    ]
    (study,) = collect_studies(comparisons)
    assert (study.datasets, get_values(study)) == (("coco",), {"16": 0.7})


def test_what_has_no_value_anywhere_is_a_study_without_estimates():
    (study,) = collect_studies([make_comparison("view", {"hflip": None}, comparison="identity")])
    assert (study.conditions, get_values(study), study.n_objects["trained"]) == (("hflip",), {}, 0)


def test_models_share_their_units_though_one_lacks_some():
    comparisons = [
        make_comparison(values={"16": 0.7}, n_units=40),
        make_comparison(values={"16": 0.5}, n_units=30, model="untrained", seed=1),
    ]
    (study,) = collect_studies(comparisons)
    trained, untrained = study.estimates["trained"], study.estimates["untrained"]
    assert trained.influence.shape == untrained.influence.shape == (1, 40)
    expected = comparisons[1].influence.set_index("unit")["influence"]
    place = sorted(f"coco-{number}" for number in range(40)).index("coco-7")
    assert untrained.influence[0, place] == expected["coco-7"]
    assert np.count_nonzero(untrained.influence) == 30


def test_comparisons_are_read_with_conditions_as_text(tmp_path):
    made = make_comparison("timestep", {"50": 0.7}, verdicts={"50": "observed"})
    made.separation.to_csv(tmp_path / "separation.csv", index=False)
    made.order.to_csv(tmp_path / "order.csv", index=False)
    made.influence.to_parquet(tmp_path / "influence.parquet")
    record = {key: getattr(made, key) for key in ("experiment", "model", "dataset", "axis", "settings")}
    (read,) = read_comparisons(
        [record],
        separation=[tmp_path / "separation.csv"],
        order=[tmp_path / "order.csv"],
        influence=[tmp_path / "influence.parquet"],
    )
    assert read.separation["condition"].tolist() == read.order["condition"].tolist() == ["50"]
    assert get_values(collect_studies([read])[0]) == {"50": 0.7}


NOISY = {"metric": "cosine", "timestep": 0, "prompt": "empty", "posterior": "sample", "noise": True}
STILL = {key: FOREIGN if key != "metric" else "cosine" for key in NOISY}


def test_what_is_read_without_noise_stands_beside_every_noise():
    comparisons = [
        make_comparison(values={"block00": 0.9}, model="vit", settings=STILL, experiment="v"),
        make_comparison(values={"enc16.1": 0.8}, settings=NOISY),
        make_comparison(values={"enc16.1": 0.7}, settings={**NOISY, "timestep": 100}),
    ]
    studies = collect_studies(comparisons)
    assert [study.settings["timestep"] for study in studies] == [0, 100]
    assert [set(study.estimates) for study in studies] == [{"trained", "vit"}] * 2


def test_what_is_read_without_noise_stands_alone_where_all_else_differs():
    other = {**STILL, "metric": "euclidean"}
    comparisons = [
        make_comparison(values={"enc16.1": 0.8}, settings=NOISY),
        make_comparison(values={"block00": 0.9}, model="vit", settings=other, experiment="v"),
        make_comparison(values={"baseline": 0.6}, model="rgb", settings=other, experiment="r"),
    ]
    assert [set(study.estimates) for study in collect_studies(comparisons)] == [{"trained"}, {"vit", "rgb"}]


def test_each_thing_that_does_not_apply_is_left_open_by_itself():
    """A network without texts stands beside others whatever their prompt, where it has their noise."""
    comparisons = [
        make_comparison(values={"block00": 0.8}, settings=NOISY),
        make_comparison(values={"block00": 0.7}, settings={**NOISY, "prompt": "named"}),
        make_comparison(values={"block00": 0.6}, settings={**NOISY, "timestep": 100}),
        make_comparison(values={"block00": 0.9}, model="dit", settings={**NOISY, "prompt": FOREIGN}, experiment="d"),
    ]
    found = {
        (study.settings["prompt"], study.settings["timestep"]): set(study.estimates)
        for study in collect_studies(comparisons)
    }
    both = {"trained", "dit"}
    assert found == {("empty", 0): both, ("named", 0): both, ("empty", 100): {"trained"}}


def test_models_that_share_names_of_layers_are_each_measured_where_they_are():
    """The same block of two networks, on different datasets: nothing is left out."""
    comparisons = [
        make_comparison(values={"block00": 0.8}, model="vit", dataset="coco"),
        make_comparison(values={"block00": 0.7}, model="vit", dataset="voc"),
        make_comparison(values={"block00": 0.9}, model="pixart", dataset="coco", experiment="p"),
    ]
    found = {study.datasets: get_values_by_model(study) for study in collect_studies(comparisons)}
    assert found == {("coco", "voc"): {"vit": 0.75}, ("coco",): {"vit": 0.8, "pixart": 0.9}}


def get_values_by_model(study):
    return {model: round(float(one.values[0]), 6) for model, one in study.estimates.items() if len(one.values)}
