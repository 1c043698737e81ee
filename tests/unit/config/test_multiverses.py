"""What a multiverse asks, and what must be read for it: compared with counts by hand."""

from collections import Counter
from itertools import combinations, product
from pathlib import Path

import pytest
import yaml

from semlens.compare.metrics import list_metrics
from semlens.config.load import load_configuration
from semlens.config.multiverses import (
    count_possible,
    find_read,
    list_measured,
    list_readings,
    list_specifications,
)
from semlens.config.readings import find_maps, list_layer_sets
from semlens.config.subsets import choose_balanced

ROOT = Path(__file__).parents[3]
ORDER = ["scsi", "scdi", "dcsi", "dcdi"]
METRICS = ["correlation", "cosine", "euclidean"]


def load(vary, experiments=None, plain=None, others=None, alone=None, **keys):
    """The demo with one multiverse, and perhaps others."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["extractions"]["plain"] |= plain or {}
    if alone:
        config["extractions"]["alone"] = {"models": [alone], "datasets": ["coco"], "layers": ["64+32+16"]}
    for name, changes in (experiments or {}).items():
        config["experiments"][name] |= changes
    asked = {"extractions": ["plain"], "datasets": ["coco"], "expected_order": ORDER, "layers": "64+32+16"}
    entry = {**asked, "vary": vary, **keys}
    config["multiverses"] = {"m": {key: value for key, value in entry.items() if value is not None}, **(others or {})}
    load_configuration(config, ROOT, list_metrics())
    return config


def list_derived(config, section="extractions"):
    known = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())[section]
    return [name for name in config[section] if name not in known]


def read(config, extraction):
    """Models, datasets, timesteps and layers."""
    entry = config["extractions"][extraction]
    return tuple(entry[key] for key in ("models", "datasets", "timesteps", "layers"))


def test_every_combination_is_a_specification():
    config = load({"metric": METRICS, "timestep": [0, 50], "average": ["classes", "objects"]})
    found = list_specifications(config, "m")
    assert len(found) == count_possible(config, "m") == 12
    assert [tuple(one["choices"].values()) for one in found] == list(product(METRICS, [0, 50], ["classes", "objects"]))
    assert found[1]["name"] == "metric=correlation, timestep=0, average=objects"
    assert {key: found[11][key] for key in ("metric", "timestep", "average", "layers", "dunn", "view")} == {
        **{"metric": "euclidean", "timestep": 50, "average": "objects"},
        **{"layers": "64+32+16", "dunn": "table1", "view": "identity"},
    }


def test_what_changes_no_prototype_reads_nothing_more():
    choices = {"metric": METRICS, "layers": ["64", "16"], "average": ["classes", "objects"], "dunn": ["table1", "eq10"]}
    config = load(choices)
    assert list_derived(config) == [] and list_readings(config, "m") == ["base"]
    assert find_read(config, "m", "base", "trained", "coco") == [
        {"extraction": "plain", "model": "trained", "dataset": "coco"}
    ]
    assert len(list_measured(config, "m", "estimates.csv")) == 2  # models


def test_a_choice_of_reading_is_an_extraction_of_its_own_with_what_it_needs_alone():
    config = load({"noise": [True, False], "metric": METRICS}, layers="16")
    assert list_derived(config) == ["plain.noise-false"]
    assert read(config, "plain.noise-false") == (["trained", "untrained"], ["coco"], [0], ["16"])
    assert config["extractions"]["plain.noise-false"]["keep"] == "prototypes"
    assert [len([one for one in list_specifications(config, "m") if one["reading"] == name]) for name in (
        "noise-true", "noise-false"
    )] == [3, 3]  # fmt: skip


def test_missing_timesteps_are_read_beside_those_that_are_there():
    config = load({"timestep": [0, 50, 200]})
    assert list_derived(config) == ["plain.timestep-50", "plain.timestep-200"]
    assert read(config, "plain.timestep-50")[2:] == ([50], ["64+32+16"])
    read_of = [one["extraction"] for one in find_read(config, "m", "base", "trained", "coco")]
    assert read_of == ["plain", "plain.timestep-50", "plain.timestep-200"]


def test_masks_share_maps_and_nothing_runs_twice():
    config = load({"mask": ["nearest", "area"], "posterior": ["sample", "mean"]})
    derived = ["plain.posterior-mean", "plain.mask-area", "plain.posterior-mean.mask-area"]
    assert sorted(list_derived(config)) == sorted(derived)
    assert [find_maps(config, name) for name in derived] == ["plain.posterior-mean", "plain", "plain.posterior-mean"]
    assert {config["extractions"][name]["keep"] for name in derived} == {"maps"}


@pytest.mark.parametrize(("kept", "expected"), [("prototypes", "prototypes"), ("half_maps", "half_maps")])
def test_what_is_derived_is_as_precise_as_what_it_stands_beside(kept, expected):
    config = load({"noise": [True, False]}, plain={"keep": kept})
    assert config["extractions"]["plain.noise-false"]["keep"] == expected


def test_maps_are_shared_whatever_the_order_of_timesteps():
    config = load({"mask": ["nearest", "area"], "timestep": [0, 50]}, plain={"timesteps": [50, 0]})
    assert find_maps(config, "plain.mask-area") == "plain"


def test_a_seed_of_an_encoder_is_refused():
    with pytest.raises(ValueError, match="'seed' does not apply to model 'rgb' of the family rgb"):
        load({"seed": [0, 1]}, extractions=["baselines"], layers="baseline")


def test_small_objects_are_read_once_and_left_out_where_a_specification_says_so():
    config = load({"min_area_of": ["instance", "image"]})
    assert list_derived(config, "datasets") == ["coco.min_area_of-image"]
    assert config["datasets"]["coco.min_area_of-image"] == config["datasets"]["coco"] | {"min_area_of": "image"}
    assert list_derived(config) == ["plain.min_area_of-image"] and list_readings(config, "m") == ["base"]
    assert read(config, "plain.min_area_of-image")[1] == ["coco.min_area_of-image"]
    assert [one["by_area"] for one in list_specifications(config, "m")] == [True, False]


def test_another_resizing_is_another_model_with_its_control():
    config = load({"resize": ["stretch", "letterbox"]})
    names = ["trained.resize-letterbox", "untrained.resize-letterbox"]
    assert list_derived(config, "models") == names
    assert read(config, "plain.resize-letterbox")[0] == names
    assert find_read(config, "m", "resize-letterbox", "untrained", "coco") == [
        {"extraction": "plain.resize-letterbox", "model": "untrained.resize-letterbox", "dataset": "coco"}
    ]


def test_seeds_are_those_of_noise_latents_and_untrained_controls():
    config = load({"seed": [0, 1]})
    assert list_derived(config) == ["plain.seed-1"] and list_derived(config, "models") == ["untrained.seed-1"]
    assert config["extractions"]["plain.seed-1"]["seed"] == config["models"]["untrained.seed-1"]["seed"] == 1
    assert read(config, "plain.seed-1")[0] == ["trained", "untrained.seed-1"]


def test_seeds_of_controls_are_compared_with_their_own():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["models"]["untrained"]["seed"] = 1
    asked = {"extractions": ["plain"], "datasets": ["coco"], "expected_order": ORDER, "layers": "16"}
    config["multiverses"] = {"m": asked | {"vary": {"seed": [0, 1]}}}
    load_configuration(config, ROOT, list_metrics())
    assert list_derived(config, "models") == ["untrained.seed-0"]
    assert read(config, "plain.seed-1")[0] == ["trained", "untrained"]
    read_of = find_read(config, "m", "seed-0", "untrained", "coco")
    assert read_of == [{"extraction": "plain.seed-0", "model": "untrained.seed-0", "dataset": "coco"}]


def test_an_experiment_with_seeds_is_a_multiverse():
    config = load({"metric": METRICS}, experiments={"single-layer": {"seeds": [0, 1, 2]}})
    made = config["multiverses"]["single-layer-seeds"]
    assert made["vary"] == {"layers": ["enc16.1", "enc16.2"], "seed": [0, 1, 2]}
    assert len(list_specifications(config, "single-layer-seeds")) == 6
    assert set(list_derived(config)) == {"plain.seed-1", "plain.seed-2"}


def test_several_multiverses_read_what_they_have_in_common_once():
    asked = {"extractions": ["plain"], "datasets": ["voc"], "expected_order": ORDER, "layers": "mid8"}
    others = {"n": asked | {"vary": {"noise": [True, False], "mask": ["nearest", "area"], "timestep": [0, 50]}}}
    config = load({"noise": [True, False]}, layers="16", others=others)
    assert read(config, "plain.noise-false")[1:] == (["coco", "voc"], [0, 50], ["16", "mid8"])
    assert read(config, "plain.noise-false.mask-area") == read(config, "plain.noise-false")
    assert find_maps(config, "plain.noise-false.mask-area") == "plain.noise-false"
    assert list_layer_sets(config, "plain.noise-false", "coco") == ["16"]
    assert list_layer_sets(config, "plain.noise-false", "voc") == ["mid8"]


def test_a_seed_of_which_nothing_is_drawn_reads_nothing_more():
    vary = {"seed": [0, 1], "noise": [True, False], "posterior": ["sample", "mean"]}
    config = load(vary, alone="trained", extractions=["alone"])
    read_of = {
        name: find_read(config, "m", name, "trained", "coco")[0]["extraction"] for name in list_readings(config, "m")
    }
    assert len(read_of) == 8 and len(set(read_of.values())) == 7
    assert read_of["noise-false.posterior-mean.seed-1"] == "alone.noise-false.posterior-mean"


def test_an_extraction_of_a_derived_name_is_not_taken_for_another():
    other = {"models": ["trained"], "datasets": ["coco"], "layers": ["16"], "posterior": "mean"}
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["extractions"]["plain.noise-false"] = other
    asked = {"extractions": ["plain"], "datasets": ["coco"], "expected_order": ORDER, "layers": "16"}
    config["multiverses"] = {"m": asked | {"vary": {"noise": [True, False]}}}
    with pytest.raises(
        ValueError, match=r"extraction 'plain\.noise-false' is what a multiverse reads, .* another name"
    ):
        load_configuration(config, ROOT, list_metrics())


def test_layers_of_a_multiverse_are_pooled_on_its_datasets_alone():
    config = load({"layers": ["dec64.2", "dec64.3"]})
    assert {"dec64.2", "dec64.3"} <= set(list_layer_sets(config, "plain", "coco"))
    assert not {"dec64.2", "dec64.3"} & set(list_layer_sets(config, "plain", "voc"))


def test_what_was_expanded_may_be_expanded_again():
    config = load({"seed": [0, 1], "mask": ["nearest", "area"], "resize": ["stretch", "letterbox"]})
    before = yaml.safe_dump(config)
    load_configuration(config, ROOT, list_metrics())
    assert yaml.safe_dump(config) == before


@pytest.mark.parametrize(
    ("vary", "keys", "words"),
    [
        ({"metric": METRICS}, {"extractions": ["plane"]}, "'m' names extraction 'plane'; there are plain"),
        ({"metric": METRICS}, {"datasets": ["lvis"]}, "'m' names dataset 'lvis'; there are coco, voc, davis"),
        ({"metric": METRICS}, {"datasets": ["davis"]}, "'m': none of its extractions .'plain'. reads dataset 'davis'"),
        (
            {"metric": METRICS},
            {"extractions": ["plain", "noised"]},
            "both 'plain' and 'noised' read view 'identity' of",
        ),
        ({"metric": METRICS}, {"view": "hflip"}, "none of .'plain'. reads view 'hflip' of dataset 'coco'; name one"),
        ({"metric": METRICS}, {"extractions": ["plain", "vit"]}, "'m': its extractions read different models"),
        ({"prompt": ["empty", "photo"]}, {}, "'m' names prompt 'photo'; there are empty"),
        ({"metric": METRICS}, {"size": 4}, "'size' is 4, but its choices have 3 combinations; leave it out"),
        ({"seed": list(range(1001)), "mask": ["nearest", "area"]}, {}, "2,002 combinations.*give it a 'size'"),
        ({"metric": METRICS}, {"across": True}, "'across' says what is compared under a 'view'"),
        ({"across": [True, False]}, {}, "'across' says what is compared under a 'view'; set 'view'"),
        ({"metric": METRICS}, {"layers": None}, "'m': 'layers' is neither set nor varied"),
        ({"layers": ["enc99"]}, {}, "no layer 'enc99'"),
        ({"metrics": METRICS}, {}, "unknown key 'metrics' .did you mean 'metric'"),
        ({"inference_steps": [0]}, {}, "multiverses.m.vary.inference_steps"),
        ({"noise": [False], "inference_steps": [5]}, {}, "it does not go with 'noise: false'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_with_the_way_out(vary, keys, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        load(vary, **keys)


def test_classes_in_a_prompt_do_not_go_with_small_objects():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["prompts"] = {"empty": "", "named": "a {classes}"}
    asked = {"extractions": ["plain"], "datasets": ["coco"], "expected_order": ORDER, "layers": "16"}
    config["multiverses"] = {
        "m": asked | {"vary": {"prompt": ["empty", "named"], "min_area_of": ["instance", "image"]}}
    }
    with pytest.raises(ValueError, match="'m': prompt 'named' names the classes of all objects that are read"):
        load_configuration(config, ROOT, list_metrics())


def test_a_view_of_a_multiverse_has_its_name():
    config = load(
        {"metric": METRICS},
        extractions=["plain", "transformed"],
        datasets=["voc"],
        view={"crop_shift": 0.2},
        layers="enc16.1",
    )
    assert config["multiverses"]["m"]["view"] == "crop_shift20"


@pytest.mark.parametrize(
    "changes", [{"view": "hflip"}, {"discard_channels": 2}, {"given": ["area"]}, {"extractions": ["plain", "noised"]}]
)
def test_seeds_are_refused_where_a_multiverse_would_ask_something_else(changes):
    with pytest.raises(ValueError, match="experiment 'resolution': 'seeds' go with the axes"):
        load({"metric": METRICS}, experiments={"resolution": {"seeds": [0, 1], **changes}})


@pytest.mark.parametrize(
    ("counts", "size"), [([2, 3, 2, 2], 12), ([3, 3, 3], 9), ([2, 5, 3], 10), ([2] * 8, 72), ([4, 3], 12)]
)
def test_a_part_is_balanced(counts, size):
    chosen = choose_balanced(tuple(counts), size, 0)
    assert len(set(chosen)) == len(chosen) == size and chosen == sorted(chosen) and chosen[0] == (0,) * len(counts)
    for column, n in zip(zip(*chosen, strict=True), counts, strict=True):
        taken = Counter(column)
        assert max(taken.values()) - min(taken[value] for value in range(n)) <= 1


def test_pairs_of_values_of_a_part_are_balanced_too():
    """Nine of 27 combinations of three choices with three values: a Latin square has every pair once."""
    chosen = choose_balanced((3, 3, 3), 9, 0)
    for a, b in combinations(range(3), 2):
        assert max(Counter((one[a], one[b]) for one in chosen).values()) <= 2


def test_a_part_depends_on_the_seed_alone():
    assert (
        choose_balanced((2,) * 6, 16, 1)
        == choose_balanced.__wrapped__((2,) * 6, 16, 1)
        != choose_balanced((2,) * 6, 16, 2)
    )


def test_a_part_of_very_many_is_nearly_balanced():
    chosen = choose_balanced((2, 3) * 8, 60, 0)
    assert len(set(chosen)) == 60
    assert all(max(Counter(column).values()) <= 36 for column in zip(*chosen, strict=True))
