"""Models side by side: each under its best layer, and differences that are paired by image."""

import numpy as np
import pytest
from studies import make_comparison

from semlens.statistics.models import rank_models
from semlens.statistics.studies import collect_studies

DEPTHS = {"unet": {"enc16.1": 0.2, "mid8": 0.5}, "vit": {"block00": 0.0, "block01": 1.0}}


def rank(*comparisons, names=("unet", "vit")):
    models = [{"name": name, "weights": "pretrained", "controls": None} for name in names]
    models.append({"name": "control", "weights": "random", "controls": "unet"})
    return rank_models(collect_studies(comparisons), models, DEPTHS, seed=0).to_dict(orient="records")


def test_models_of_different_layers_are_ranked_by_their_best():
    unet = make_comparison(values={"enc16.1": 0.8, "mid8": 0.7}, model="unet", experiment="u", seed=1)
    vit = make_comparison(values={"block00": 0.6, "block01": 0.9}, model="vit", experiment="v", seed=2)
    first, second = rank(unet, vit)
    assert [(row["model"], row["condition"], row["depth"]) for row in (first, second)] == [
        ("vit", "block01", 1.0),
        ("unet", "enc16.1", 0.2),
    ]
    assert (first["behind"], second["behind"]) == pytest.approx((0, -0.1))
    assert second["behind_low"] < -0.1 < second["behind_high"] < 0
    assert first["low"] < 0.9 < first["high"]


def test_what_all_images_share_cancels_in_a_difference():
    unet = make_comparison(values={"enc16.1": 0.8}, model="unet", noise=0.1, seed=3)
    vit = make_comparison(values={"block00": 0.79}, model="vit", noise=0.1, seed=3)
    vit.influence["influence"] += np.tile([1e-5, -1e-5], 20)
    _, second = rank(unet, vit)
    assert second["behind_high"] - second["behind_low"] < 0.01 < second["high"] - second["low"]


def test_all_pairs_of_several_models_are_held_at_once():
    """Intervals of many differences are wider than that of one alone."""
    values = {name: 0.7 + 0.01 * number for number, name in enumerate("abcdefgh")}
    all_of_them = [
        make_comparison(values={"block00": value}, model=name, seed=seed)
        for seed, (name, value) in enumerate(values.items())
    ]
    two = rank(*all_of_them[-2:], names="gh")[1]
    eight = rank(*all_of_them, names="abcdefgh")[1]
    assert (two["model"], two["behind"]) == (eight["model"], eight["behind"])
    assert eight["behind_high"] - eight["behind_low"] > 1.3 * (two["behind_high"] - two["behind_low"])


def test_a_network_without_training_is_told_as_such():
    models = [
        {"name": "unet", "weights": "pretrained", "controls": None},
        {"name": "vit", "weights": "random", "controls": None},
    ]
    comparisons = [make_comparison(values={"enc16.1": 0.8}, model=name, seed=1) for name in ("unet", "vit")]
    found = rank_models(collect_studies(comparisons), models, DEPTHS, seed=0)
    assert dict(zip(found["model"], found["weights"], strict=True)) == {"unet": "pretrained", "vit": "random"}


def test_a_model_alone_is_beside_none():
    control = make_comparison(values={"enc16.1": 0.6}, model="control", seed=1)
    assert rank(make_comparison(values={"enc16.1": 0.8}, model="unet"), control) == []


def test_what_has_no_value_has_no_place():
    unet = make_comparison(values={"enc16.1": 0.8}, model="unet")
    vit = make_comparison(values={"block00": None}, model="vit", experiment="v")
    assert rank(unet, vit) == []
