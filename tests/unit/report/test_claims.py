"""What the paper reports fits together, and runs are judged by it."""

import itertools
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from semlens.compare.pairs import SETS
from semlens.compare.unit_totals import UNIT_TOTALS
from semlens.report.claims.claims import read_published
from semlens.report.claims.conditions import ConditionStatistics, align_units
from semlens.report.claims.judge import JUDGED, SUPPORT, VERDICTS, judge_claims
from semlens.report.claims.paper import EXPERIMENTS, LAYERS, READINGS, SETTINGS, explain_incomparability
from semlens.report.claims.predicates import PREDICATES
from semlens.report.claims.render import save_claims
from semlens.report.claims.statements import Replicates, Statement, require_all
from semlens.statistics.compute import STATISTICS
from semlens.storage.tables import check_table

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "resources" / "published"
TEMPLATES = ROOT / "workflow" / "report"
IMAGES = {"voc": 1000, "coco": 1000, "davis": 544}
TABLE = pd.read_csv(FOLDER / "table1.csv")
FOUR = ("scsi", "scdi", "dcsi", "dcdi")


def test_table_1_is_whole():
    assert len(TABLE) == 48 and not TABLE.isna().any().any()
    assert not TABLE.duplicated(["dataset", "metric", "set_a", "set_b"]).any()
    assert set(map(frozenset, zip(TABLE["set_a"], TABLE["set_b"], strict=True))) == set(
        map(frozenset, itertools.combinations(FOUR, 2))
    )
    assert (TABLE["p"] == 0).sum() == 8  # those of scdi vs. dcdi
    assert TABLE["p"].between(0, 0.05).all()


# Judging


def statistics(folder, conditions, *, name="one"):
    """Write {condition: ({set: (mean, std, q1, q3) or mean}, {(set, set): (p, Dunn index)})} as statistics."""
    sets, pairs = [], []
    for condition, (values, between) in conditions.items():
        for key, value in values.items():
            mean, std, q1, q3 = value if isinstance(value, tuple) else (value, 0.1, value - 0.05, value + 0.05)
            row = dict.fromkeys(STATISTICS["sets"].columns, mean)
            sets.append(row | {"condition": condition, "set": key, "n": 9, "std": std, "q1": q1, "q3": q3})
        for (a, b), (p, dunn) in between.items():
            row = dict.fromkeys(STATISTICS["tests"].columns, 0.0)
            log10_p = np.log10(p) if p > 0 else -400 if p == 0 else np.nan
            pairs.append(
                row | {"condition": condition, "set_a": a, "set_b": b, "p": p, "log10_p": log10_p, "dunn_table1": dunn}
            )
    paths = {kind: folder / f"{name}.{kind}.csv" for kind in ("sets", "tests")}
    paths["unit_totals"] = folder / f"{name}.unit_totals.parquet"
    check_table(pd.DataFrame(columns=list(UNIT_TOTALS.columns)), UNIT_TOTALS, name).to_parquet(paths["unit_totals"])
    for kind, rows in (("sets", sets), ("tests", pairs)):
        pd.DataFrame(rows, columns=list(STATISTICS[kind].columns)).to_csv(paths[kind], index=False)
    return paths


def claims(folder, *entries, table="dataset,metric,set_a,set_b,p,dunn\n"):
    """Write a folder of claims; an entry needs a predicate only."""
    entry = {
        "experiment": "video",
        "datasets": ["davis"],
        "conditions": ["1"],
        "section": "6.5",
        "shown": "Fig. 9",
        "claim": "It is so.",
    }
    stated = {
        "images": IMAGES,
        "tolerance": {"dunn": 0.1, "mean": 0.05},
        "why": "A reason.",
        "claims": [entry | part for part in entries],
    }
    folder = folder / "published"
    folder.mkdir()
    (folder / "claims.yaml").write_text(yaml.safe_dump(stated, sort_keys=False))
    (folder / "table1.csv").write_text(table)
    return folder


def comparison(experiment, model="sd15", dataset="davis", **more):
    """A comparison as the paper made it, but for ``more``."""
    return {
        **{"experiment": experiment, "model": model, "dataset": dataset, "settings": dict(SETTINGS), "demo": False},
        **{"layers": LAYERS.get(experiment), "denoised": experiment.endswith("-denoised")},
        "across": experiment.endswith("-across"),
        "images": IMAGES.get(dataset),
        **more,
    }


def verdicts(tmp_path, predicate, conditions, **more):
    folder = claims(tmp_path, {"predicate": predicate, "conditions": list(conditions)})
    paths = statistics(tmp_path, conditions)
    return judge_claims(read_published(folder), [comparison("video", **paths, **more)], seed=0)


AB, AC, BC = ("sidi", "scsi"), ("sidi", "scdi"), ("scsi", "scdi")
LOW = {"sidi": 0.1, "scsi": 0.2, "scdi": 0.4}
CASES = [
    ({"order": ["sidi", "scsi", "scdi"]}, {"1": (LOW, {})}, True, "sidi 0.1 < scsi 0.2 < scdi 0.4"),
    ({"order": ["scsi", "sidi"]}, {"1": (LOW, {})}, False, "sidi 0.1 < scsi 0.2"),
    ({"order": ["sidi", "scsi"]}, {"1": ({"sidi": 0.2, "scsi": 0.2}, {})}, False, "sidi 0.2 = scsi 0.2"),
    ({"no_order": ["scsi", "sidi"]}, {"1": (LOW, {})}, True, "sidi 0.1 < scsi 0.2"),
    ({"no_order": ["sidi", "scsi"]}, {"1": (LOW, {})}, False, "sidi 0.1 < scsi 0.2"),
    ({"not_significantly_below": AB}, {"1": (LOW, {AB: (0.04, 0.5)})}, False, "sidi 0.1 < scsi 0.2, p 0.04000"),
    ({"not_significantly_below": AB}, {"1": (LOW, {AB: (0.05, 0.5)})}, True, "p 0.05000"),
    ({"not_significantly_below": ("scsi", "sidi")}, {"1": (LOW, {AB: (0, 0.5)})}, True, "p 1.0e-400"),
    ({"effect_below": AB}, {"1": (LOW, {AB: (0.5, 0.19)})}, True, "0.19000 (sidi 0.1 < scsi 0.2)"),
    ({"effect_below": AB}, {"1": (LOW, {AB: (0.5, 0.2)})}, False, "0.20000"),
    ({"highest": "scdi"}, {"1": (LOW, {})}, True, "sidi 0.1 < scsi 0.2 < scdi 0.4"),
    ({"highest": "scsi"}, {"1": (LOW, {})}, False, "scdi 0.4"),
    ({"closer": [AB, BC]}, {"1": (LOW, {})}, True, "0.1 < 0.2"),
    ({"closer": [BC, AB]}, {"1": (LOW, {})}, False, "0.2 >= 0.1"),
    (
        {"quartiles_overlap": AB},
        {"1": ({"sidi": (0, 1, 0.1, 0.3), "scsi": (0, 1, 0.2, 0.4)}, {})},
        True,
        "scsi 0.2 to 0.4",
    ),
    (
        {"quartiles_overlap": AB},
        {"1": ({"sidi": (0, 1, 0.5, 0.6), "scsi": (0, 1, 0.2, 0.4)}, {})},
        False,
        "sidi 0.5 to 0.6",
    ),
    ({"all_significant": "all"}, {"1": (LOW, {AB: (0, 1), BC: (0.04, 1)})}, True, "of 2 p: 0.04000 (scsi vs. scdi)"),
    ({"all_significant": "all"}, {"1": (LOW, {AB: (0.06, 1), BC: (0.04, 1)})}, False, "0.06000 (sidi vs. scsi)"),
    ({"p_value": {"pair": AB, "value": 0.36489}}, {"1": (LOW, {AB: (0.9, 1)})}, True, "0.90000"),
    ({"p_value": {"pair": AB, "value": 0.36489}}, {"1": (LOW, {AB: (0.04, 1)})}, False, "0.04000"),
    ({"p_value": {"pair": AB[::-1], "value": 0.01}}, {"1": (LOW, {AB: (1e-20, 1)})}, True, "1.0e-20"),
    ({"p_value": {"pair": AB, "value": 0.01}}, {"1": (LOW, {AB: (0.05, 1)})}, False, "0.05000"),
    ({"dunn": {"pair": AB, "value": 0.3}}, {"1": (LOW, {AB: (0, 0.21)})}, True, "0.21000"),
    ({"dunn": {"pair": AB, "value": 0.3}}, {"1": (LOW, {AB: (0, 0.41)})}, False, "0.41000"),
    ({"mean": {"set": "scdi", "value": 0.44}}, {"1": (LOW, {})}, True, "0.4"),
    ({"mean": {"set": "scdi", "value": 0.58}}, {"1": (LOW, {})}, False, "0.4"),
    ({"rises": "sidi"}, {"5": ({"sidi": 0.2}, {}), "10": ({"sidi": 0.3}, {})}, True, "0.2, 0.3"),
    ({"rises": "sidi"}, {"5": ({"sidi": 0.2}, {}), "10": ({"sidi": 0.2}, {})}, False, "0.2, 0.2"),
    ({"constant": "sidi"}, {"5": ({"sidi": 0.2}, {}), "10": ({"sidi": 0.219}, {})}, True, "0.2 to 0.219, std 0.1"),
    ({"constant": "sidi"}, {"5": ({"sidi": 0.2}, {}), "10": ({"sidi": 0.23}, {})}, False, "0.2 to 0.23"),
    *(
        ({"smallest_gap": {"pair": AB, "at": at}}, {"5": (LOW, {}), "10": ({"sidi": 0.3, "scsi": 0.25}, {})}, *outcome)
        for at, outcome in {"10": (True, "5 0.1, 10 0.05"), "5": (False, "5 0.1, 10 0.05")}.items()
    ),
    *(
        (
            {"largest_dunn": {"pair": AB, "at": at}},
            {"5": (LOW, {AB: (0, 0.2)}), "10": (LOW, {AB: (0, 0.3)})},
            holds,
            "5 0.20000, 10 0.30000",
        )
        for at, holds in {"10": True, "5": False}.items()
    ),
    *(
        (
            {"majority_larger": {"at": "10"}},
            {
                "5": (LOW, {AB: (0, 0.2), BC: (0, 0.2), AC: (0, 0.2)}),
                "10": (LOW, {AB: (0, 0.1), BC: (0, 0.3), AC: (0, other)}),
            },
            *outcome,
        )
        for other, outcome in {0.3: (True, "2 of 3 larger than at 5"), 0.2: (False, "1 of 3 larger than at 5")}.items()
    ),
]


def test_statistics_made_by_hand_keep_the_contract(tmp_path):
    paths = statistics(tmp_path, {"1": (LOW, {AB: (0, 0.5)})})
    for kind in ("sets", "tests"):
        STATISTICS[kind].validate(pd.read_csv(paths[kind], dtype={"condition": str}))


def plain(value):
    """Tuples as lists, as YAML has them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize(("predicate", "conditions", "holds", "obtained"), CASES)
def test_predicates(tmp_path, predicate, conditions, holds, obtained):
    (row,) = verdicts(tmp_path, plain(predicate), conditions).itertuples()
    assert row.verdict == ("holds" if holds else "does not hold")
    assert obtained in row.obtained
    assert (row.condition, row.where, row.reason) == (", ".join(conditions), "section 6.5, Fig. 9", "")
    assert row.published


def test_every_predicate_is_tested_both_ways():
    tested = {(next(iter(predicate)), holds) for predicate, _, holds, _ in CASES}
    assert tested == set(itertools.product(PREDICATES, [True, False]))


@pytest.mark.parametrize(("predicate", "conditions", "holds", "obtained"), CASES)
def test_what_has_no_pairs_is_not_judged(tmp_path, predicate, conditions, holds, obtained):
    empty = {
        name: (dict.fromkeys(sets, (np.nan,) * 4), dict.fromkeys(pairs, (np.nan, np.nan)))
        for name, (sets, pairs) in conditions.items()
    }
    (row,) = verdicts(tmp_path, plain(predicate), empty).itertuples()
    assert (row.verdict, row.obtained) == ("no pairs", "–")
    assert row.published
    assert row.reason.startswith("no ") and any(row.reason.endswith(f" at {name}") for name in conditions)


def test_what_cannot_be_compared_is_shown_and_not_judged(tmp_path):
    (row,) = verdicts(tmp_path, {"order": ["sidi", "scsi"]}, {"1": (LOW, {})}, images=24).itertuples()
    assert (row.verdict, row.reason) == ("not comparable", "24 of 544 images")
    assert row.obtained == "sidi 0.1 < scsi 0.2"


def test_what_was_not_run_is_left_out(tmp_path):
    folder = claims(
        tmp_path,
        {"predicate": {"order": ["sidi", "scsi"]}, "conditions": ["1", "40"]},
        {"predicate": {"rises": "sidi"}, "conditions": ["1", "40"]},
        {"predicate": {"highest": "dcsi"}, "experiment": "transformations", "conditions": ["hflip"]},
        {"predicate": {"mean": {"set": "sidi", "value": 0.1}}, "datasets": ["voc"]},
        table="dataset,metric,set_a,set_b,p,dunn\nvoc,cosine,scsi,scdi,0,0.3\n",
    )
    paths = statistics(tmp_path, {"1": (LOW, {})})
    studied = [comparison(name, **paths) for name in ("video", "my own experiment")]
    judged = judge_claims(read_published(folder), studied, seed=0)
    assert judged[["claim", "condition"]].to_numpy().tolist() == [["It is so.", "1"]]


def test_a_claim_may_look_at_another_experiment(tmp_path):
    pair = {"pair": ["sidi", "scsi"], "at": "enc16.1"}
    folder = claims(
        tmp_path,
        {
            "predicate": {"smallest_gap": pair},
            "experiment": "single-layer",
            "datasets": ["voc"],
            "conditions": ["enc16.1", "encoder-decoder/enc16"],
        },
    )
    near = statistics(tmp_path, {"enc16.1": ({"sidi": 0.1, "scsi": 0.2}, {})}, name="near")
    far = statistics(tmp_path, {"enc16": ({"sidi": 0.1, "scsi": 0.3}, {})}, name="far")
    one = comparison("single-layer", dataset="voc", **near)
    published = read_published(folder)
    (row,) = judge_claims(published, [one, comparison("encoder-decoder", dataset="voc", **far)], 0).itertuples()
    assert (row.verdict, row.obtained) == ("holds", "enc16.1 0.1, enc16 0.2")
    other = comparison("encoder-decoder", dataset="voc", demo=True, **far)
    (row,) = judge_claims(published, [one, other], 0).itertuples()
    assert (row.verdict, row.reason) == ("not comparable", "demo")
    assert judge_claims(published, [one], 0).empty


def test_models_are_judged_apart(tmp_path):
    folder = claims(tmp_path, {"predicate": {"order": ["sidi", "scsi"]}, "conditions": ["1"]})
    rising, falling = (
        statistics(tmp_path, {"1": ({"sidi": low, "scsi": 0.2}, {})}, name=name)
        for name, low in (("rising", 0.1), ("falling", 0.3))
    )
    studied = [comparison("video", "sd15", **rising), comparison("video", "sd21", **falling)]
    judged = judge_claims(read_published(folder), studied, seed=0)
    assert judged[["model", "verdict"]].to_numpy().tolist() == [["sd15", "holds"], ["sd21", "does not hold"]]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"experiment": "vidoe"}, "experiment 'vidoe' is not known; known are distance-measures"),
        ({"datasets": ["pascal"]}, "dataset 'pascal' is not known; known are voc, coco, davis"),
        ({"conditions": ["6"]}, "condition '6' is not known; known are 1, 2, 3"),
        ({"conditions": ["resolution/enc16"]}, r"condition 'enc16' is not known; known are 64\+32\+16"),
        ({"predicate": {"sinks": "sidi"}}, "predicate 'sinks' is not known; known are order"),
        ({"predicate": {"order": ["sidi", "sisi"]}}, "set or condition 'sisi' is not known; known are scsi"),
        ({"predicate": {"majority_larger": {"at": 1}}}, "set or condition 1 is not known; known are scsi"),
        ({"predicate": {"majority_larger": {"at": "2"}}}, "set or condition '2' is not known; known are scsi"),
    ],
)
def test_claims_name_what_exists(tmp_path, entry, message):
    with pytest.raises(ValueError, match=f"claim 'It is so.': {message}"):
        read_published(claims(tmp_path, {"predicate": {"highest": "scsi"}} | entry))


def test_conditions_may_be_numbers(tmp_path):
    (claim,) = read_published(claims(tmp_path, {"predicate": {"highest": "scsi"}, "conditions": [1, 40]})).claims
    assert claim.conditions == ["1", "40"]


@pytest.mark.parametrize(
    ("used", "reason"),
    [
        ({"demo": True, "images": 1000}, "demo"),
        ({"demo": False, "images": 24}, "24 of 1000 images"),
        ({"demo": False, "images": 1000}, ""),
        ({"demo": False, "images": 2000}, "2000 of 1000 images"),
        ({"demo": False, "images": 9, "dataset": "mine"}, "not a dataset of the paper"),
        ({"demo": False, "images": 1000, "layers": "enc16.2"}, "layers enc16.2 instead of enc16.1"),
        ({"demo": False, "images": 1000, "denoised": True}, "denoised True instead of False"),
        ({"demo": False, "images": 1000, "experiment": "inference-steps-denoised", "denoised": True}, ""),
        (
            {"demo": False, "images": 1000, "experiment": "transformations", "across": True},
            "across True instead of False",
        ),
        ({"demo": False, "images": 1000, "experiment": "transformations-across"}, "across False instead of True"),
        ({"demo": False, "images": 1000, "experiment": "transformations-across", "across": True}, ""),
        ({"demo": False, "images": 1000, "experiment": "resolution", "layers": None}, ""),
        ({"demo": False, "images": 1000, "experiment": "distance-measures", "layers": "64+32+16"}, ""),
    ],
)
def test_comparability(used, reason):
    paper = {"experiment": "inference-steps", "layers": "enc16.1", "dataset": "voc"}
    paper |= {"denoised": False, "across": False}
    assert explain_incomparability(paper | {"settings": dict(SETTINGS)} | used, {"voc": 1000}) == reason


@pytest.mark.parametrize(
    ("setting", "value"),
    [("model", "sd21"), ("metric", "cosine"), ("timestep", 900), ("min_area", 0.2), ("classes", 2), ("listed", False)],
)
def test_other_settings_are_not_comparable_unless_unknown(setting, value):
    reason = f"{setting} {value} instead of {SETTINGS[setting]}"
    assert explain_incomparability(comparison("video", settings={**SETTINGS, setting: value}), IMAGES) == reason
    assert explain_incomparability(comparison("video", settings={**SETTINGS, setting: None}), IMAGES) == ""


# How sure a claim is


def measured(folder, conditions, *, n_units=30, noise=0.02, seed=0, name="one"):
    """Statistics of {condition: {set: mean}}: one pair per set and image, with errors of its own."""
    rng, sets, tests, totals = np.random.default_rng(seed), [], [], []
    for condition, means in conditions.items():
        values = {key: rng.normal(mean, noise, n_units) for key, mean in means.items()}
        values = {key: x - x.mean() + means[key] for key, x in values.items()}
        for key, x in values.items():
            row = dict.fromkeys(STATISTICS["sets"].columns, 0.0) | {"condition": condition, "set": key}
            sets.append(row | {"n": n_units, "mean": x.mean(), "std": x.std(ddof=1)})
            units = [f"image {number}" for number in range(n_units)]
            part = {"condition": condition, "set": key, "unit": units, "n": 1, "sum": x, "sum_of_squares": x**2}
            totals.append(pd.DataFrame(part))
        for a, b in itertools.combinations(means, 2):
            dunn = abs(means[a] - means[b]) / max(values[a].std(ddof=1), values[b].std(ddof=1))
            row = dict.fromkeys(STATISTICS["tests"].columns, 0.0)
            tests.append(row | {"condition": condition, "set_a": a, "set_b": b, "p": 0.01, "dunn_table1": dunn})
    paths = {kind: folder / f"{name}.{kind}.csv" for kind in ("sets", "tests")}
    pd.DataFrame(sets).to_csv(paths["sets"], index=False)
    pd.DataFrame(tests, columns=list(STATISTICS["tests"].columns)).to_csv(paths["tests"], index=False)
    paths["unit_totals"] = folder / f"{name}.unit_totals.parquet"
    check_table(pd.concat(totals), UNIT_TOTALS, name).to_parquet(paths["unit_totals"])
    return paths


def judge_support(tmp_path, predicate, conditions, **more):
    folder = claims(tmp_path, {"predicate": predicate, "conditions": list(conditions)})
    studied = [comparison("video", **measured(tmp_path, conditions, **more))]
    (row,) = judge_claims(read_published(folder), studied, seed=0).itertuples()
    return row.verdict, row.support


FAR = {"sidi": 0.2, "scsi": 0.4, "scdi": 0.6}
NEAR = {"sidi": 0.2, "scsi": 0.203, "scdi": 0.6}
FIRST = {"pair": ["sidi", "scsi"]}
HOLDS, FAILS = "holds", "does not hold"
SUPPORTED = [
    ({"order": ["sidi", "scsi", "scdi"]}, [FAR], (HOLDS, "established")),
    ({"order": ["sidi", "scsi", "scdi"]}, [NEAR], (HOLDS, "observed")),
    ({"order": ["scsi", "sidi", "scdi"]}, [NEAR], (FAILS, "undecided")),
    ({"order": ["scsi", "sidi", "scdi"]}, [FAR], (FAILS, "violated")),
    ({"no_order": ["scsi", "sidi", "scdi"]}, [FAR], (HOLDS, "established")),
    ({"no_order": ["scsi", "sidi", "scdi"]}, [NEAR], (HOLDS, "observed")),
    ({"no_order": ["sidi", "scdi"]}, [FAR], (FAILS, "violated")),
    ({"not_significantly_below": ["scsi", "sidi"]}, [FAR], (HOLDS, "established")),
    ({"not_significantly_below": ["sidi", "scsi"]}, [NEAR], (FAILS, "undecided")),  # by the paper's test, p 0.01
    ({"not_significantly_below": ["sidi", "scsi"]}, [FAR], (FAILS, "violated")),
    ({"effect_below": ["sidi", "scsi"]}, [FAR], (FAILS, "violated")),
    ({"effect_below": ["sidi", "scsi"]}, [NEAR], (HOLDS, "observed")),
    ({"highest": "scdi"}, [FAR], (HOLDS, "established")),
    ({"highest": "sidi"}, [FAR], (FAILS, "violated")),
    ({"closer": [["sidi", "scsi"], ["scsi", "scdi"]]}, [NEAR], (HOLDS, "established")),
    ({"closer": [["sidi", "scsi"], ["scsi", "scdi"]]}, [FAR | {"scsi": 0.399}], (HOLDS, "observed")),
    ({"quartiles_overlap": ["sidi", "scsi"]}, [FAR], (HOLDS, "")),
    ({"all_significant": "all"}, [FAR], (HOLDS, "established")),
    ({"all_significant": "all"}, [NEAR], (HOLDS, "undecided")),  # by the paper's test, p 0.01
    ({"p_value": FIRST | {"value": 0.01}}, [FAR], (HOLDS, "established")),
    ({"p_value": FIRST | {"value": 0.01}}, [NEAR], (HOLDS, "undecided")),
    ({"p_value": FIRST | {"value": 0.5}}, [NEAR], (FAILS, "undecided")),
    ({"p_value": FIRST | {"value": 0.5}}, [FAR], (FAILS, "violated")),
    ({"mean": {"set": "sidi", "value": 0.21}}, [FAR], (HOLDS, "established")),
    ({"mean": {"set": "sidi", "value": 0.249}}, [FAR], (HOLDS, "observed")),
    ({"mean": {"set": "sidi", "value": 0.5}}, [FAR], (FAILS, "violated")),
    ({"dunn": FIRST | {"value": 0.0}}, [NEAR], (FAILS, "undecided")),
    ({"rises": "sidi"}, [FAR, {"sidi": 0.3}], (HOLDS, "established")),
    ({"rises": "sidi"}, [FAR, {"sidi": 0.203}], (HOLDS, "observed")),
    ({"constant": "sidi"}, [FAR, {"sidi": 0.3}], (FAILS, "violated")),
    ({"smallest_gap": FIRST | {"at": "1"}}, [NEAR, FAR], (HOLDS, "established")),
    ({"largest_dunn": FIRST | {"at": "2"}}, [NEAR, FAR], (HOLDS, "established")),
    (
        {"majority_larger": {"at": "2"}},
        [{"sidi": 0.2, "scsi": 0.25}, {"sidi": 0.2, "scsi": 0.4}],
        (HOLDS, "established"),
    ),
]


@pytest.mark.parametrize(("predicate", "conditions", "expected"), SUPPORTED)
def test_a_claim_is_as_sure_as_the_intervals_of_its_margins(tmp_path, predicate, conditions, expected):
    assert judge_support(tmp_path, predicate, dict(zip(["1", "2"], conditions, strict=False))) == expected


def test_every_predicate_is_tested_for_how_sure_it_is():
    assert {next(iter(predicate)) for predicate, *_ in SUPPORTED} == set(PREDICATES)


def test_fewer_than_five_images_establish_nothing(tmp_path):
    order = {"order": ["sidi", "scsi", "scdi"]}
    assert judge_support(tmp_path, order, {"1": FAR}, n_units=4) == (HOLDS, "observed")


def test_what_has_no_pairs_has_no_support(tmp_path):
    conditions = {"1": (dict.fromkeys(LOW, (np.nan,) * 4), {})}
    (row,) = verdicts(tmp_path, {"order": ["sidi", "scsi"]}, conditions).itertuples()
    assert (row.verdict, row.support) == ("no pairs", "empty")


def test_conditions_are_paired_by_image(tmp_path):
    """The difference of two conditions that share their errors is sure, though each mean is not."""
    shared = {"noise": 0.2, "seed": 1, "n_units": 40}
    one, two = (
        measured(tmp_path, {condition: {"sidi": mean}}, name=condition, **shared)
        for condition, mean in (("1", 0.8), ("2", 0.81))
    )
    for kind in ("sets", "tests"):
        pd.concat([pd.read_csv(one[kind]), pd.read_csv(two[kind])]).to_csv(one[kind], index=False)
    totals = pd.concat([pd.read_parquet(one["unit_totals"]), pd.read_parquet(two["unit_totals"])])
    totals.sample(frac=1, random_state=0).to_parquet(one["unit_totals"])
    folder = claims(tmp_path, {"predicate": {"rises": "sidi"}, "conditions": ["1", "2"]})
    (row,) = judge_claims(read_published(folder), [comparison("video", **one)], seed=0).itertuples()
    assert (row.verdict, row.support) == (HOLDS, "established")


UNITS = list("abcdefgh")


def draw_pairs(condition, shift, lacks):
    """Pairs of three sets: (set, unit, unit, distance), in units but one."""
    rng, units = np.random.default_rng(len(condition)), [unit for unit in UNITS if unit != lacks]
    rows = []
    for number, name in enumerate(["sidi", "scsi", "scdi"]):
        i, j = rng.choice(units, 80), rng.choice(units, 80)
        distances = rng.normal(0.3 + shift + 0.1 * number * (1 + number), 0.05 + shift, 80)
        rows.append(pd.DataFrame({"set": name, "i": i, "j": i if name == "scsi" else j, "distance": distances}))
    return pd.concat(rows, ignore_index=True)


def describe_pairs(name, pairs):
    """The statistics of a condition with these pairs."""
    ends = pd.concat([pairs.assign(unit=pairs["i"]), pairs[pairs["i"] != pairs["j"]].assign(unit=pairs["j"])])
    distance = ends.assign(square=ends["distance"] ** 2).groupby(["set", "unit"], sort=False)
    totals = distance.agg(
        n=("distance", "size"), sum=("distance", "sum"), sum_of_squares=("square", "sum")
    ).reset_index()
    columns = pairs.groupby("set", sort=False)["distance"].agg(["size", "mean", "std", "min", "max"])
    sets = columns.rename(columns={"size": "n", "min": "q1", "max": "q3"}).to_dict("index")
    tests = {}
    for a, b in itertools.combinations(sets, 2):
        dunn = abs(sets[a]["mean"] - sets[b]["mean"]) / max(sets[a]["std"], sets[b]["std"])
        tests[frozenset((a, b))] = {"set_a": a, "set_b": b, "p": 0.01, "log10_p": -2, "dunn_table1": dunn}
    return ConditionStatistics(name, sets, tests, totals, pd.Index(totals["unit"].unique()))


def list_margins(predicate, conditions):
    ((kind, argument),) = predicate.items()
    predicate = PREDICATES[kind](argument | {"within": 0.1} if kind in ("dunn", "mean") else argument)
    return predicate.judge(conditions if predicate.along else conditions[0]).statement.rows


@pytest.mark.parametrize("predicate", [plain(predicate) for predicate, *_ in SUPPORTED])
def test_margins_without_a_unit_are_those_of_the_other_pairs(predicate):
    """Conditions lack a unit each, one that the other has."""
    pairs = {"1": draw_pairs("1", 0, "a"), "20": draw_pairs("20", 0.03, "h")}
    if predicate.get("largest_dunn") or predicate.get("majority_larger"):
        pairs["2"] = pairs.pop("20")
    conditions = align_units([describe_pairs(*item) for item in pairs.items()])
    units = list(conditions[0].units)
    assert sorted(units) == UNITS
    rows = list_margins(predicate, conditions)
    for place, unit in enumerate([None, *units]):
        left = [(name, part[(part["i"] != unit) & (part["j"] != unit)]) for name, part in pairs.items()]
        naive = list_margins(predicate, align_units([describe_pairs(*item) for item in left]))
        for row, expected in zip(rows, naive, strict=True):
            found = [margin.values[place] for margin in row]
            assert found == pytest.approx([margin.value for margin in expected], abs=1e-9)
            assert {margin.n_units for margin in row} == {7}


def by_hand(name, means, std=0.1):
    """A condition without unit totals, whose Dunn indices are the gaps in these standard deviations."""
    tests = {
        frozenset((a, b)): {
            "set_a": a,
            "set_b": b,
            "p": 0.01,
            "log10_p": -2,
            "dunn_table1": abs(means[a] - means[b]) / std,
        }
        for a, b in itertools.combinations(means, 2)
    }
    sets = {key: {"n": 9, "mean": mean, "std": std, "q1": mean, "q3": mean} for key, mean in means.items()}
    empty = check_table(pd.DataFrame(columns=list(UNIT_TOTALS.columns)), UNIT_TOTALS, name)
    return ConditionStatistics(name, sets, tests, empty, pd.Index([]))


LATER = {"sidi": 0.3, "scsi": 0.45, "scdi": 0.35}
BY_HAND = [  # at 1, LOW: means 0.1, 0.2, 0.4; Dunn indices 1, 3, 2 (AB, AC, BC). At 2, LATER: 1.5, 0.5, 1
    ({"order": ["sidi", "scsi", "scdi"]}, [[0.1], [0.2]]),
    ({"no_order": ["sidi", "scdi", "scsi"]}, [[-0.3, 0.2]]),
    ({"not_significantly_below": ["sidi", "scsi"]}, [[-0.1]]),
    ({"effect_below": ["sidi", "scsi"]}, [[-0.8]]),
    ({"highest": "scsi"}, [[0.1], [-0.2]]),
    ({"closer": [["sidi", "scsi"], ["scsi", "scdi"]]}, [[0.1]]),
    ({"quartiles_overlap": ["sidi", "scsi"]}, []),
    ({"all_significant": "all"}, [[0.1], [0.3], [0.2]]),
    ({"p_value": {"pair": ["scsi", "sidi"], "value": 0.01}}, [[0.1]]),
    ({"p_value": {"pair": ["scsi", "sidi"], "value": 0.36489}}, [[-0.1]]),
    ({"dunn": {"pair": ["sidi", "scsi"], "value": 1.05}}, [[0.05]]),
    ({"mean": {"set": "sidi", "value": 0.35}}, [[-0.15]]),
    ({"rises": "scdi"}, [[-0.05]]),
    ({"constant": "scdi"}, [[0.02 - 0.05]]),
    ({"smallest_gap": {"pair": ["scsi", "scdi"], "at": "2"}}, [[0.1]]),
    ({"largest_dunn": {"pair": ["sidi", "scsi"], "at": "2"}}, [[0.5]]),
    ({"majority_larger": {"at": "2"}}, [[0.5, -2.5, -1.0]]),
]


@pytest.mark.parametrize(("predicate", "expected"), BY_HAND)
def test_margins_by_hand(predicate, expected):
    conditions = [by_hand("1", LOW), by_hand("2", LATER)]
    rows = list_margins(predicate, conditions)
    assert [[margin.value for margin in row] for row in rows] == [pytest.approx(row) for row in expected]


def test_every_predicate_has_margins_by_hand():
    assert {next(iter(predicate)) for predicate, _ in BY_HAND} == set(PREDICATES)


def replicate(value, t, n_units=30, seed=0):
    """A number that lies t standard errors from 0."""
    errors = np.random.default_rng(seed).normal(size=n_units)
    errors -= errors.mean()
    se = np.sqrt(n_units / (n_units - 1) * np.sum(errors**2)) * (n_units - 1) / n_units
    return Replicates(np.append(value, value - errors * abs(value / t) / se), n_units)


SURE, LIKELY, UNKNOWN = (replicate(1, t) for t in (9, 2.3, 1))
UNLIKELY, FALSE = -LIKELY, -SURE
NO_INTERVAL = Replicates(SURE.values, 4)


@pytest.mark.parametrize(
    ("row", "enough", "word"),
    [
        ([LIKELY], 1, "established"),
        ([LIKELY, *(replicate(1, 2.3, seed=seed) for seed in (1, 2))], 1, "observed"),  # the best of three, by chance
        ([SURE, FALSE, FALSE], 1, "established"),
        ([SURE, FALSE, FALSE], 2, "violated"),
        ([SURE, UNKNOWN, FALSE], 2, "observed"),
        ([SURE, -UNKNOWN, FALSE], 2, "undecided"),
        ([SURE, NO_INTERVAL, NO_INTERVAL], 1, "established"),
        ([SURE, NO_INTERVAL, NO_INTERVAL], 2, "observed"),
        ([FALSE, -NO_INTERVAL], 1, "undecided"),
        ([UNLIKELY], 1, "violated"),
    ],
)
def test_enough_of_a_row_are_positive(row, enough, word):
    statement = Statement([row], enough)
    assert statement.judge_support(0) == word
    assert statement.is_met() == (word in ("established", "observed"))


def test_a_step_without_an_interval_hides_no_other():
    assert require_all([NO_INTERVAL, FALSE]).judge_support(0) == "violated"
    assert require_all([NO_INTERVAL, SURE]).judge_support(0) == "observed"


def test_no_order_says_the_opposite_of_order():
    opposite = dict(zip(SUPPORT, ("violated", "undecided", "observed", "established", "empty"), strict=True))
    margins = [SURE, LIKELY, UNKNOWN, -UNKNOWN, UNLIKELY, FALSE, NO_INTERVAL]
    for steps in itertools.combinations(margins, 3):
        order, none = require_all(steps), Statement([[-step for step in steps]], ties=True)
        assert none.judge_support(0) == opposite[order.judge_support(0)]
        assert none.is_met() != order.is_met()


def test_conditions_that_are_alike_vary_by_little(monkeypatch):
    """The range of nine means that differ by just the limit is wider by chance, but seldom significantly so."""
    monkeypatch.setattr("semlens.statistics.intervals.N_DRAWS", 1000)
    rng, n, words = np.random.default_rng(0), 30, []
    for _ in range(100):
        x = rng.normal(size=(9, n))
        x[:4] += 0.2
        total = x.sum(axis=1, keepdims=True)
        means = [Replicates(row, n) for row in np.hstack([total / n, (total - x) / (n - 1)])]
        margins = [0.2 - abs(b - a) for a, b in itertools.combinations(means, 2)]
        words.append(require_all(margins).judge_support(0))
    assert words.count("violated") <= 8


# The paper's own claims


def test_table_1_is_judged_value_by_value(tmp_path):
    """With the paper's own p-values and indices, all of them hold."""
    studied = []
    for dataset in ("voc", "coco"):
        conditions = {
            metric: (
                dict.fromkeys(FOUR, 0.5),
                {(row.set_a, row.set_b): (row.p, row.dunn) for row in rows.itertuples()},
            )
            for metric, rows in TABLE[TABLE["dataset"] == dataset].groupby("metric", sort=False)
        }
        paths = statistics(tmp_path, conditions, name=dataset)
        studied.append(comparison("distance-measures", dataset=dataset, **paths))
    judged = judge_claims(read_published(FOLDER), studied, seed=0)
    values = judged[judged["where"] == "Table 1"]
    assert len(values) == 96 and (values["verdict"] == "holds").all()
    assert values["claim"].str.startswith("p of").sum() == 48
    dunn = values[values["claim"].str.startswith("Dunn")]
    assert (dunn["published"] == dunn["obtained"]).all()
    assert (values["published"] == "3.1e-32").sum() == 1 and (values["published"] == "0").sum() == 8


def test_the_claims_cover_the_papers_results():
    paper = read_published(FOLDER)
    assert paper.images == {"voc": 1000, "coco": 1000, "davis": 544}
    assert list(dict.fromkeys(claim.experiment for claim in paper.claims)) == list(EXPERIMENTS)
    assert {type(claim.predicate) for claim in paper.claims} == set(PREDICATES.values())
    text = {claim.printed or str(claim.predicate.argument) for claim in paper.claims if claim.where != "Table 1"}
    for number in ("0.36489", "0.01823", "0.1435", "0.58"):
        assert any(number in line for line in text)


def test_both_readings_of_the_transformations_are_judged(tmp_path):
    """By their own statistics, claim by claim; one reading may bear out what the other does not."""
    views = EXPERIMENTS["transformations"]
    assert EXPERIMENTS["transformations-across"] == views
    near, far = {"sidi": 0.2, "scsi": 0.3, "dcsi": 0.4}, {"sidi": 0.2, "scsi": 0.5, "dcsi": 0.4}
    studied = [
        comparison(name, dataset="voc", **statistics(tmp_path, {view: (means, {}) for view in views}, name=name))
        for name, means in (("transformations", near), ("transformations-across", far))
    ]
    judged = judge_claims(read_published(FOLDER), studied, seed=0)
    told = judged[judged["claim"].str.contains("told from other classes")]
    assert told.groupby("experiment")["verdict"].value_counts().to_dict() == {
        ("transformations", "holds"): len(views),
        ("transformations-across", "does not hold"): len(views),
    }
    both = {
        name: {(row.claim, row.condition) for row in rows.itertuples()} for name, rows in judged.groupby("experiment")
    }
    (alone,) = {claim for claim, _ in both["transformations"] - both["transformations-across"]}
    assert alone == "The more of an object is hidden, the less it is recognised."  # of sidi, which has one reading
    assert not both["transformations-across"] - both["transformations"]


# What is written


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Verdicts of every kind on all of the paper's claims."""
    folder = tmp_path_factory.mktemp("everything")
    rng = np.random.default_rng(0)
    studied = []
    for number, (experiment, conditions) in enumerate(EXPERIMENTS.items()):
        for dataset in ["davis"] if experiment.startswith("video") else ["voc", "coco"]:
            made = {}
            for condition in conditions:
                sets = {name: np.nan if experiment == "video" and name == "scdi" else rng.random() for name in SETS}
                pairs = {pair: (rng.random(), rng.random()) for pair in itertools.combinations(SETS, 2)}
                made[condition] = (sets, pairs)
            paths = statistics(folder, made, name=f"{experiment}.{dataset}")
            studied.append(comparison(experiment, dataset=dataset, demo=number % 2 == 1, **paths))
    return judge_claims(read_published(FOLDER), studied, seed=0)


@pytest.fixture(scope="module")
def written(everything, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    paths = {kind: str(folder / f"claims.{kind}") for kind in ("csv", "md", "html")}
    save_claims(everything, read_published(FOLDER), templates=TEMPLATES, **paths)
    return {kind: Path(path).read_text() for kind, path in paths.items()} | {"paths": paths}


class Page(HTMLParser):
    """Cells by row, classes by text; every tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text, self.classes = set(), [], [], {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.open.append((tag, dict(attributes).get("class")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.text.append(data.strip())
        if self.open and self.open[-1][0] == "span":
            self.classes.setdefault(self.open[-1][1], set()).add(data)


def test_the_page_holds_every_claim(everything, written):
    page = Page(written["html"])
    assert not page.open
    for name in ("where", "claim", "how", "published", "obtained"):
        stated = everything.loc[everything["where"] != "Table 1", name]
        assert set(stated) - {""} <= set(page.text)
    assert set(everything["claim"]) <= set(page.text)  # of Table 1 as well
    text = page.text[page.text.index("Every value and claim") :]
    headings = [text.index(experiment) for experiment in EXPERIMENTS]
    assert headings == sorted(headings)
    for experiment, reading in READINGS.items():
        after = text[text.index(experiment) + 1 :]
        assert next(filter(None, after)) == reading
        assert f"## {experiment}\n\n{reading}\n\n" in written["md"]
    assert not page.tags & {"script", "link", "img", "iframe"} and "http" not in written["html"]


def test_verdicts_are_coloured_and_worded(everything, written):
    classes = Page(written["html"]).classes
    for verdict in VERDICTS:
        name = verdict.replace(" ", "-")
        assert f".{name}" in (TEMPLATES / "report.html.j2").read_text()
        texts = set().union(*(texts for kinds, texts in classes.items() if name in kinds.split()))
        assert texts and all(verdict in text for text in texts)
    assert any("unsure" in kinds.split() for kinds in classes)  # nothing here is established
    assert classes["not-comparable"] == {"○ not comparable (demo)"}
    differing = everything[(everything["verdict"] == "does not hold") & (everything["where"] != "Table 1")]
    assert len(differing) and written["html"].count("<span class=") == len(everything) + len(differing)


def test_counts_and_tolerances_come_first(everything, written):
    counts = everything["verdict"].value_counts()
    line = ", ".join(f"{verdict}: {counts[verdict]}" for verdict in VERDICTS)
    for kind in ("md", "html"):
        start = written[kind][: written[kind].index("distance-measures")]
        assert line in start
        assert all(f"{word}: {(everything['support'] == word).sum()}" in start for word in SUPPORT)
        assert "same side of 0.05, Dunn indices within 0.1, means within 0.05" in start
        assert " ".join(read_published(FOLDER).why.split()) in start


def test_table_1_is_a_table_per_dataset(written):
    lines = written["md"].splitlines()
    heads = [place for place, line in enumerate(lines) if "euclidean published" in line]
    assert [lines[place - 2] for place in heads] == ["Table 1, voc, sd15.", "Table 1, coco, sd15."]
    cells = [cell.strip() for cell in lines[heads[0]].strip("|").split("|")]
    assert len(cells) == 1 + 2 * 4 and cells[1:3] == ["euclidean published", "euclidean obtained"]
    rows = lines[heads[0] + 2 :][:13]
    assert [row.split("|")[1].strip() for row in rows[:2]] == ["p of scsi vs. scdi", "Dunn index of scsi vs. scdi"]
    assert "3.1e-32" in rows[0] and "0.30312" in rows[1] and rows[12] == ""


def test_markdown_has_the_columns_it_announces(written):
    tables = [block.splitlines() for block in written["md"].split("\n\n") if block.startswith("|")]
    assert len(tables) == 2 + len(EXPERIMENTS)
    for lines in tables:
        assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


def test_csv_has_a_row_per_verdict(everything, written):
    back = pd.read_csv(written["paths"]["csv"], dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(back, everything, check_dtype=False)
    assert list(back.columns) == list(JUDGED.columns)


def test_nothing_to_judge_is_said(tmp_path):
    paths = {kind: str(tmp_path / f"claims.{kind}") for kind in ("csv", "md", "html")}
    published = read_published(FOLDER)
    save_claims(judge_claims(published, [], 0), published, templates=TEMPLATES, **paths)
    assert "holds: 0, does not hold: 0" in Path(paths["md"]).read_text()
    assert Path(paths["csv"]).read_text().strip() == ",".join(JUDGED.columns)
