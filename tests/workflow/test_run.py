"""A finished run: everything is there, and its numbers are those that a few lines of numpy find."""

import json
import re
from collections import Counter
from itertools import combinations

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from pycocotools import mask as coco_mask
from repository import ROOT, SMALL, Repository, changed, execute, snakemake
from scipy.spatial import distance as scipy_distance

from semlens.config.plan import list_conditions

EXPERIMENTS = SMALL["experiments"]
STUDIED = [(name, dataset) for name, entry in EXPERIMENTS.items() for dataset in entry["datasets"]]
SPARING = [("turned", "voc"), ("video", "davis")]  # extractions that keep prototypes alone
SCIPY = {
    "euclidean": scipy_distance.euclidean,
    "correlation": scipy_distance.correlation,
    "cosine": scipy_distance.cosine,
}


def manifests(repo: Repository, dataset: str) -> pd.DataFrame:
    return pd.concat(
        [pd.read_parquet(path) for path in sorted(repo.path("results", "manifests", dataset).glob("*.parquet"))],
        ignore_index=True,
    )


def prototypes(repo: Repository, extraction: str, dataset: str, layer_set: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows, by instance, and vectors (rows, dimensions) of all shards."""
    paths = sorted(repo.path("results", "prototypes", extraction, "tiny", dataset).glob("*.parquet"))
    columns = json.loads(parquet.read_schema(paths[0]).metadata[b"layer_sets"])[layer_set]
    rows = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    return rows, np.array([np.concatenate(row) for row in rows[columns].itertuples(index=False)])


def distances(repo: Repository, experiment: str, dataset: str, results: str = "results") -> pd.DataFrame:
    frame = pd.read_parquet(repo.path(results, "distances", experiment, "tiny", f"{dataset}.parquet"))
    return frame.astype(dict.fromkeys(("condition", "set", "instance_a", "instance_b"), str))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_has_its_figure_and_table(finished, experiment):
    is_usual = experiment not in ("one", "both")
    figures = [experiment, f"{experiment}.objects"] if is_usual else [experiment]
    tables = {"one": ["one"], "both": []}.get(experiment, [f"{experiment}.sets", f"{experiment}.tests"])
    for file in (
        *(f"figures/{name}.{kind}" for name in figures for kind in ("png", "pdf")),
        *(f"tables/{name}.{kind}" for name in tables for kind in ("csv", "md", "tex", "html")),
    ):
        assert finished.path("results", file).stat().st_size > 0, file


@pytest.mark.parametrize(("experiment", "dataset"), STUDIED)
def test_statistics_cover_every_condition_and_set(finished, experiment, dataset):
    entry = EXPERIMENTS[experiment]
    conditions, sets = [one["name"] for one in list_conditions(entry)], entry["sets"]

    def read(kind: str) -> pd.DataFrame:
        path = finished.path("results", "statistics", experiment, "tiny", f"{dataset}.{kind}.csv")
        return pd.read_csv(path, dtype={"condition": str})

    of_sets = read("sets")
    assert list(zip(of_sets["condition"], of_sets["set"], strict=True)) == [(c, s) for c in conditions for s in sets]
    measured = distances(finished, experiment, dataset)
    for row in of_sets.itertuples():
        those = measured["distance"][(measured["condition"] == row.condition) & (measured["set"] == row.set)]
        assert row.n == len(those)
        if row.n:
            assert [row.mean, row.median] == pytest.approx([those.mean(), those.median()], rel=1e-5)
    assert len(read("tests")) == len(conditions) * len(sets) * (len(sets) - 1) // 2
    assert list(read("order")["condition"]) == conditions
    assert (of_sets["n_shapiro"] == of_sets["n_stored"]).all()


def sets_of(a: pd.Series, b: pd.Series) -> str:
    """The set of a pair (Eqs. 11 to 15), in words rather than arrays."""
    if pd.notna(a.identity) and a.identity == b.identity:
        return "sidi"
    return ("sc" if a.class_name == b.class_name else "dc") + ("si" if a.image_id == b.image_id else "di")


@pytest.mark.parametrize(
    ("experiment", "dataset"), [pair for pair in STUDIED if pair[0] in ("metrics", "layers", "noise")]
)
def test_pairs_are_all_unordered_pairs(finished, experiment, dataset):
    instances = list(manifests(finished, dataset).itertuples())
    expected = Counter(sets_of(a, b) for a, b in combinations(instances, 2))
    measured = distances(finished, experiment, dataset)
    for condition in EXPERIMENTS[experiment]["conditions"]:
        found = measured[measured["condition"] == str(condition)]
        assert Counter(found["set"]) == expected
        pairs = {frozenset(pair) for pair in zip(found["instance_a"], found["instance_b"], strict=True)}
        assert len(pairs) == len(found) and all(len(pair) == 2 for pair in pairs)


def test_pairs_of_videos_lie_an_offset_apart(finished):
    instances = list(manifests(finished, "davis").itertuples())
    frames = {(instance.video, instance.frame) for instance in instances}
    frame_of = {instance.instance_id: instance.frame for instance in instances}
    measured = distances(finished, "video", "davis")
    for offset in EXPERIMENTS["video"]["conditions"]:
        across = [(a, b) for a in instances for b in instances if (a.video, a.frame + offset) == (b.video, b.frame)]
        within = [
            (a, b)
            for a, b in combinations(instances, 2)
            if (a.video, a.frame) == (b.video, b.frame) and (a.video, a.frame + offset) in frames
        ]
        expected = Counter(sets_of(a, b) for a, b in across + within)
        found = measured[measured["condition"] == str(offset)]
        assert Counter(found["set"]) == {name: expected[name] for name in EXPERIMENTS["video"]["sets"]}
        assert (found["set"] == "sidi").any()
        apart = found["instance_b"].map(frame_of) - found["instance_a"].map(frame_of)
        assert set(apart[found["set"] != "scsi"]) == {offset}
        assert set(apart[found["set"] == "scsi"]) == {0}


def test_a_view_is_compared_with_the_original(finished):
    """sidi holds every instance and itself in that view; the other sets are those of the originals."""
    instances = manifests(finished, "voc")
    paths = [
        finished.path("results", "prototypes", name, "tiny", "voc", "00000.parquet") for name in ("plain", "turned")
    ]
    rows = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    vectors = rows.set_index(["instance_id", "view"])["enc16.1@16"]
    expected = Counter(sets_of(a, b) for a, b in combinations(instances.itertuples(), 2))
    measured = distances(finished, "turns", "voc")
    for view in EXPERIMENTS["turns"]["conditions"]:
        found = measured[measured["condition"] == view]
        assert Counter(found["set"]) == {name: expected[name] for name in ("scsi", "dcsi")} | {"sidi": len(instances)}
        itself = found[found["set"] == "sidi"]
        assert (itself["instance_a"] == itself["instance_b"]).all()
        last = itself.iloc[-1]
        pair = vectors[last.instance_a, "identity"], vectors[last.instance_a, view]
        assert last.distance == pytest.approx(scipy_distance.correlation(*pair), rel=1e-4)


def test_pairs_in_an_image_may_lie_across_a_view(finished, clone, tmp_path):
    """scsi and dcsi then hold every object with each other one of its image, as the view shows it."""
    repo, config = clone(), changed({"experiments:turns:across": True}, tmp_path / "across.yaml")
    execute(repo, "results/distances/turns/tiny/voc.parquet", config=config)
    instances = list(manifests(finished, "voc").itertuples())
    paths = [
        finished.path("results", "prototypes", name, "tiny", "voc", "00000.parquet") for name in ("plain", "turned")
    ]
    rows = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    vectors = rows.set_index(["instance_id", "view"])["enc16.1@16"]
    measured, before = distances(repo, "turns", "voc"), distances(finished, "turns", "voc")
    for view in EXPERIMENTS["turns"]["conditions"]:
        for name in ("scsi", "dcsi"):
            found = measured[(measured["condition"] == view) & (measured["set"] == name)]
            expected = {
                (a.instance_id, b.instance_id)
                for a in instances
                for b in instances
                if a.instance_id != b.instance_id and a.image_id == b.image_id and sets_of(a, b) == name
            }
            assert len(found) == len(expected)
            assert set(zip(found["instance_a"], found["instance_b"], strict=True)) == expected
            for row in found.itertuples():
                pair = vectors[row.instance_a, "identity"], vectors[row.instance_b, view]
                assert row.distance == pytest.approx(scipy_distance.correlation(*pair), rel=1e-4)
    itself, expected = (table[table["set"] == "sidi"].reset_index(drop=True) for table in (measured, before))
    pd.testing.assert_frame_equal(itself, expected)


def test_one_person_is_compared_with_everyone_later(finished):
    for offset in (1, 5):
        found = distances(finished, "one", "davis").query(f"condition == '{offset}'")
        assert set(found["instance_a"]) == {"crossing/00000/1"}
        later = {(row.set, row.instance_b) for row in found.itertuples()}
        assert later == {("sidi", f"crossing/0000{offset}/1"), ("scdi", f"crossing/0000{offset}/2")}


def test_a_template_names_what_each_image_shows(finished):
    instances = manifests(finished, "voc")
    with h5py.File(finished.path("results", "prompts", "tiny", "named", "voc", "plain", "00000.h5")) as file:
        said = [file["texts"].asstr()[place] for place in file["identity/text"]]
    shown = instances.groupby("image_id", sort=False)["class_name"].agg(lambda names: " and ".join(sorted(set(names))))
    assert said == [f"a photo of a {names}" for names in shown]


def test_the_demo_is_not_judged_by_the_paper(finished):
    judged = pd.read_csv(finished.path("results", "claims.csv"), keep_default_na=False)
    assert len(judged) and set(judged["experiment"]) == {"video"}  # the one name that the paper's experiments have
    assert set(judged["verdict"]) <= {"not comparable", "no pairs"}
    assert set(judged.loc[judged["verdict"] == "not comparable", "reason"]) == {"demo"}


@pytest.mark.parametrize(("condition", "name"), [(c, s) for c in SCIPY for s in ("scdi", "dcsi")])
def test_a_distance_by_hand(finished, condition, name):
    """From the table's row to its two prototypes, and scipy's distance of these."""
    row = distances(finished, "metrics", "coco").query("condition == @condition and set == @name").iloc[-1]
    rows, vectors = prototypes(finished, "plain", "coco", "16")
    place = {name: number for number, name in enumerate(rows["instance_id"])}
    i, j = place[row.instance_a], place[row.instance_b]
    a, b = rows.iloc[i], rows.iloc[j]
    assert (a.class_name == b.class_name) == (name == "scdi")
    assert (a.image_id == b.image_id) == (name == "dcsi")
    expected = SCIPY[condition](vectors[i].astype(float), vectors[j].astype(float))
    assert row.distance == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def mapped(finished, clone, tmp_path_factory) -> Repository:
    """The same with the maps that some extractions do not keep, and the prototypes that are made of them."""
    repo = clone()
    changes = {f"extractions:{extraction}:keep": "maps" for extraction, _ in SPARING}
    made = [f"results/prototypes/{extraction}/tiny/{dataset}/00000.parquet" for extraction, dataset in SPARING]
    execute(repo, *made, config=changed(changes, tmp_path_factory.mktemp("mapped") / "maps.yaml"))
    return repo


def test_maps_are_kept_where_they_are_asked_for(finished, mapped):
    kept = {path.split("/")[2] for path in finished.files("results/features")}
    assert kept == set(SMALL["extractions"]) - {extraction for extraction, _ in SPARING}
    assert {path.split("/")[2] for path in mapped.files("results/features")} == set(SMALL["extractions"])


@pytest.mark.parametrize(
    ("extraction", "dataset", "shard", "fallback"),
    [("plain", "coco", "00001", False), ("plain", "voc", "00000", False), ("video", "davis", "00000", True)],
)
def test_a_prototype_by_hand(finished, mapped, extraction, dataset, shard, fallback):
    """The mean of the features over the cells whose centre the mask covers; by area where it covers none."""
    pooled = pd.read_parquet(finished.path("results", "prototypes", extraction, "tiny", dataset, f"{shard}.parquet"))
    prototype = pooled[pooled["area_weighted@16"] == fallback].iloc[-1]
    manifest = pd.read_parquet(finished.path("results", "manifests", dataset, f"{shard}.parquet"))
    instance = manifest.set_index("instance_id").loc[prototype["instance_id"]]
    height, width = int(instance.height), int(instance.width)
    mask = coco_mask.decode({"size": [height, width], "counts": instance.rle.encode()})
    assert mask.mean() == pytest.approx(instance.area_fraction)
    cells = [
        (row, column)
        for row in range(16)
        for column in range(16)
        if mask[int((row + 0.5) * height / 16), int((column + 0.5) * width / 16)]
    ]
    with h5py.File(mapped.path("results", "features", extraction, "tiny", dataset, f"{shard}.h5")) as features:
        place = list(features["identity/sample_id"].asstr()).index(instance.image_id)
        values = features["identity/t0/enc16.1"][place].astype(float)  # (channels, 16, 16)
    if fallback:
        assert not cells
        weights = mask.repeat(16, axis=0).reshape(16, height, width).mean(axis=1)
        weights = weights.repeat(16, axis=1).reshape(16, 16, width).mean(axis=2)
    else:
        weights = np.zeros((16, 16))
        weights[tuple(np.transpose(cells))] = 1
    assert prototype["n_cells@16"] == np.count_nonzero(weights)
    expected = (values * weights).sum(axis=(1, 2)) / weights.sum()
    np.testing.assert_allclose(prototype["enc16.1@16"], expected, rtol=1e-5, atol=1e-6)


def test_batches_and_shards_do_not_matter(finished, clone, tmp_path):
    """Batches of one in one shard of all images, against batches of four in shards of eight.

    Every sample has its own seed, so nothing but rounding may differ: convolutions sum in another order for another
    batch size (measured: 4e-7).
    """
    repo = clone()
    config = changed(
        {
            "pathvars": {"results": "elsewhere"},
            "batch_size": 1,
            "shard_size": 20,
            "experiments:layers:axis": "layers",
        },
        tmp_path / "small.yaml",
    )
    execute(repo, "elsewhere/distances/layers/tiny/coco.parquet", config=config)
    assert finished.files("resources") == repo.files("resources")
    assert sorted(path.name for path in repo.path("elsewhere", "features", "plain", "tiny", "coco").iterdir()) == [
        "00000.h5"
    ]

    def joined(results: str) -> pd.Series:
        frame = distances(repo, "layers", "coco", results)
        frame["pair"] = [" ".join(sorted(pair)) for pair in zip(frame["instance_a"], frame["instance_b"], strict=True)]
        return frame.set_index(["condition", "set", "pair"])["distance"].sort_index()

    here, there = joined("results"), joined("elsewhere")
    assert here.index.equals(there.index)
    assert here.index.is_unique
    np.testing.assert_allclose(there, here, rtol=0, atol=5e-6)  # of correlation distances, between 0 and 2


@pytest.mark.parametrize(("extraction", "dataset"), SPARING)
def test_prototypes_are_the_same_whether_maps_are_kept_or_not(finished, mapped, extraction, dataset):
    """But for rounding: float32 numbers are added in another order."""
    pooled, expected = (
        repo.path(f"results/prototypes/{extraction}/tiny/{dataset}/00000.parquet") for repo in (finished, mapped)
    )
    schema, expected_schema = parquet.read_schema(pooled), parquet.read_schema(expected)
    assert schema.equals(expected_schema)
    metadata, expected_metadata = (parquet.read_metadata(path).metadata for path in (pooled, expected))
    assert all(metadata[key] == expected_metadata[key] for key in (b"layer_sets", b"passes"))
    rows, expected_rows = pd.read_parquet(pooled), pd.read_parquet(expected)
    vectors, expected_vectors = (np.array(frame.pop("enc16.1@16").tolist()) for frame in (rows, expected_rows))
    pd.testing.assert_frame_equal(rows, expected_rows)
    off = np.linalg.norm(vectors - expected_vectors, axis=1)
    assert (off < 1e-6 * np.linalg.norm(expected_vectors, axis=1)).all()


def test_the_report_shows_every_figure_and_table_and_needs_no_other_file(finished):
    content = finished.path("results", "report.html").read_text()
    drawn = [*finished.path("results", "figures").glob("*.png"), finished.path("results", "findings.png")]
    assert content.count("data:image/webp;base64,") == len(drawn)
    cells = re.sub(r" scope=\"(row|col)\"", "", content)
    pages = [finished.path("results", f"{name}.html") for name in ("claims", "provenance")]
    for path in [*finished.path("results", "tables").glob("*.html"), *pages]:
        assert path.read_text() in cells, path.name
    assert not re.search(r"""(src|href)=["'](?!data:|#|explorer\.html")""", content)
    assert "<script src" not in content


def test_the_report_goes_through_the_experiments_in_order(finished):
    content = finished.path("results", "report.html").read_text()
    places = [content.index(f'<section id="experiment-{experiment}">') for experiment in EXPERIMENTS]
    assert places == sorted(places)


def test_the_findings_say_what_the_prototypes_say(finished):
    """The separation at every layer, object by object, from the vectors themselves."""
    columns = ["image_id", "class_name", "view", "timestep"]
    shards = [finished.path(f"results/prototypes/plain/tiny/coco/0000{number}.parquet") for number in (0, 1)]
    table = pd.concat([pd.read_parquet(path) for path in shards], ignore_index=True)
    assert table[columns[2:]].drop_duplicates().to_numpy().tolist() == [["identity", 0]]
    image, class_name = (table[name].to_numpy() for name in columns[:2])
    vectors = {name: np.stack(table[name]) for name in table if name.startswith("enc16.") or name.startswith("dec16.")}
    layers = {"16": np.hstack(list(vectors.values())), "enc16.1": vectors["enc16.1@16"]}
    separation = {}
    for layer, x in layers.items():
        distances, by_class = scipy_distance.cdist(x.astype(float), x.astype(float), "correlation"), {}
        for i, row in enumerate(distances):
            near = row[(image != image[i]) & (class_name == class_name[i])]
            far = row[(image != image[i]) & (class_name != class_name[i])]
            if len(near) and len(far):
                by_class.setdefault(class_name[i], {}).setdefault(image[i], []).append(np.mean(far[:, None] > near))
        counting = [np.concatenate(list(found.values())).mean() for found in by_class.values() if len(found) >= 5]
        assert len(counting) == 2
        separation[layer] = np.mean(counting)
    findings = pd.read_csv(finished.path("results", "findings.csv"), dtype=str)
    row = findings.query("axis == 'layers' and comparison == 'between'").iloc[0]
    assert row["best"] == max(separation, key=separation.get)
    assert float(row["separation"]) == pytest.approx(max(separation.values()))


def test_nothing_is_left_half_written(finished):
    assert not [file for file in finished.files("results") | finished.files("resources") if "partial" in file]


def test_the_run_stays_in_its_folders(finished):
    """Outputs go to results, datasets and models to resources, and nowhere else."""
    finished_at = finished.path("results", "figures").stat().st_mtime
    started_at = finished.config.stat().st_mtime
    made = {
        path.relative_to(finished.folder).parts[0]
        for path in finished.folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and started_at < path.stat().st_mtime <= finished_at
    }
    assert made == {"results", "resources", ".snakemake"}


def test_every_file_of_a_run_is_described(finished):
    """By a heading of docs/data.md, which names the places of one kind of file."""
    headings = re.findall(r"^### (.*)$", (ROOT / "docs" / "data.md").read_text(), re.MULTILINE)
    described = [describe_place(place) for heading in headings for place in re.findall(r"`([^`]+)`", heading)]
    folders = ("results", "resources/datasets", "resources/models")
    made = [
        name
        for folder in folders
        for name in finished.files(folder)
        if not name.endswith((".gitkeep", ".snakemake_timestamp"))
    ]
    assert len(made) > 150
    assert not [name for name in made if not any(place.fullmatch(name) for place in described)]


def describe_place(place: str) -> re.Pattern[str]:
    """Return what paths match ``results/{experiment}.{png,pdf}``; a folder stands for all that it holds."""
    pattern = re.escape(place).replace(r"\{", "{").replace(r"\}", "}")
    pattern = re.sub(r"{([^{}]*,[^{}]*)}", lambda match: f"(?:{match[1].replace(',', '|')})", pattern)
    return re.compile(re.sub(r"{\w+}", "[^/]+", pattern) + (".*" if place.endswith("/") else ""))


def test_snakemakes_own_report_has_every_figure_and_table_with_its_caption(finished, tmp_path):
    """Where the ecosystem expects them: snakemake --report."""
    snakemake(finished, "--report", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    shown, categories = (
        json.loads(re.search(rf'<script id="{name}">\s*var {name} = (.*?);\s*</script>', page, re.DOTALL)[1])
        for name in ("results", "categories")
    )
    drawn = [path for path in finished.files("results/figures") if path.endswith(".png")]
    set_out = [path for path in finished.files("results/tables") if path.endswith(".html")]
    assert shown.keys() == {*drawn, *set_out, "results/findings.png", "results/claims.html"}
    assert categories.keys() >= {entry["title"] for entry in EXPERIMENTS.values()}
    assert all(entry["caption"] for entry in shown.values())
    for groups in categories.values():
        for paths in groups.values():
            labels = [str(shown[path]["labels"] or path) for path in paths]
            assert len(labels) == len(set(labels))
    assert "crossing/00000/1</tt> is outlined in green" in shown["results/figures/one.png"]["caption"]
