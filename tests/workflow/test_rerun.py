"""What makes a stage run again, and what does not: dry runs in a repository where everything is done."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from repository import SMALL, Job, changed, execute, plan, selected

DESCRIBED, JUDGED, SUMMARIZED, REPORTED, EXPLORED = (
    Job(rule, "") for rule in ("describe_run", "judge_claims", "summarize_findings", "write_report", "write_explorer")
)
SHARDS = {"coco": ("00000", "00001"), "voc": ("00000",), "davis": ("00000",)}
MODELS = {name: SMALL["extractions"][entry["extractions"][0]]["models"] for name, entry in SMALL["experiments"].items()}
COMPARED = {name: tuple(entry["datasets"]) for name, entry in SMALL["experiments"].items()}


def extracted(rule: str, extraction: str, *datasets: str) -> set[Job]:
    return {
        Job(rule, f"{extraction}/{model}/{dataset}/{shard}")
        for model in SMALL["extractions"].get(extraction, {"models": ["tiny"]})["models"]
        for dataset in datasets
        for shard in SHARDS[dataset]
    }


DRAWING = {"one": "draw_track", "both": "draw_heat_maps"}  # by experiment, where it is another rule than for most
AGREED = {Job("measure_agreement", "alike/coco"), Job("draw_agreement", "alike")}
TASKS = ("layers", "video")  # experiments that have some
ARTEFACTS = ("layers", "noise", "turns")  # experiments whose conditions compare different features


def concluded(*experiments: str, dataset: str | None = None) -> set[Job]:
    """Compare and below, of experiments on all their datasets or on one."""
    return {
        JUDGED,
        SUMMARIZED,
        *mapped(*experiments),
        *(AGREED if "layers" in experiments else ()),
        *(Job(DRAWING.get(experiment, "draw_experiment"), experiment) for experiment in experiments),
        *(Job("draw_separation", experiment) for experiment in experiments if experiment not in DRAWING),
        *(Job("draw_artefacts", experiment) for experiment in experiments if experiment in ARTEFACTS),
        *(Job("draw_tasks", experiment) for experiment in experiments if experiment in TASKS),
        *(
            Job(rule, f"{experiment}/{model}/{studied}")
            for experiment in experiments
            for model in MODELS[experiment]
            for studied in ([dataset] if dataset else COMPARED[experiment])
            for rule in (
                "compare_prototypes",
                "compute_statistics",
                *(["measure_tasks"] if experiment in TASKS else []),
            )
        ),
    }


def mapped(*experiments: str) -> set[Job]:
    """Maps of classes, of the experiment that has them."""
    return (
        {Job("compare_classes", "layers/tiny/coco"), Job("draw_classes", "layers"), Job("draw_neighbours", "layers")}
        if "layers" in experiments
        else set()
    )


def projected(extraction: str, *datasets: str) -> set[Job]:
    """What the explorer shows of an extraction, and the explorer."""
    models = SMALL["extractions"][extraction]["models"]
    places = {Job("project_objects", f"{extraction}/{model}/{dataset}") for model in models for dataset in datasets}
    return places | {EXPLORED}


def measured(extraction: str, *datasets: str) -> set[Job]:
    """Artefacts of tokens."""
    models = SMALL["extractions"].get(extraction, {"models": ["tiny"]})["models"]
    return {Job("measure_tokens", f"{extraction}/{model}/{dataset}") for model in models for dataset in datasets}


def examples(*experiments: str) -> set[Job]:
    return {Job("draw_example_objects", experiment) for experiment in experiments}


SEARCHED = {Job("search_layers", "pair/tiny/coco"), Job("draw_search", "pair")}
COMBINED = {Job("summarize_multiverse", "choices"), Job("draw_multiverse", "choices"), SUMMARIZED}
READINGS = {
    mask: {Job("measure_specifications", f"choices/tiny/coco/mask-{mask}")} | COMBINED for mask in ("nearest", "area")
}
CHOSEN = extracted("pool_prototypes", "plain.mask-area", "coco") | READINGS["nearest"] | READINGS["area"]
PLAIN = (
    SEARCHED
    | CHOSEN
    | extracted("extract_features", "plain", "coco", "voc")
    | extracted("pool_prototypes", "plain", "coco", "voc")
    | projected("plain", "coco", "voc")
    | measured("plain", "coco", "voc")
    | {Job("draw_tokens", "layers")}
    | concluded("metrics", "layers", "turns")
    | examples("metrics", "layers", "turns")
)
VIDEO = (
    extracted("extract_prototypes", "video", "davis")
    | projected("video", "davis")
    | measured("video", "davis")
    | concluded("video", "one")
    | examples("video")
)
NOISED = (
    extracted("extract_features", "noised", "voc")
    | extracted("pool_prototypes", "noised", "voc")
    | projected("noised", "voc")
    | measured("noised", "voc")
    | {Job("draw_tokens", "noise")}
    | concluded("noise", "both")
    | examples("noise")
)
TURNED = extracted("extract_prototypes", "turned", "voc") | concluded("turns") | examples("turns")
PROPAGATED = {
    Job("propagate_masks", "masks/tiny/davis/crossing"),
    Job("evaluate_propagation", "masks/tiny/davis"),
    Job("draw_propagation", "masks"),
    Job("draw_propagated_frames", "masks"),
}
EVERYTHING_READ = PLAIN | VIDEO | NOISED | TURNED | PROPAGATED
ENCODED = {
    Job("encode_images", f"tiny/{dataset}/plain/{shard}") for dataset, shards in SHARDS.items() for shard in shards
} | {Job("encode_images", "tiny/voc/turned/00000")}


@pytest.fixture(scope="module")
def after_change(finished, tmp_path_factory, request):
    """The plan after each change of the configuration, two asked for at a time."""
    folder = tmp_path_factory.mktemp("changes")
    with ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(plan, finished, config=changed(CHANGES[name][0], folder / f"{number}.yaml"))
            for number, name in enumerate(selected(request, "change"))
        }
        pool.shutdown(cancel_futures=True)


def test_a_finished_run_has_nothing_to_do(finished):
    assert plan(finished) == set()


def test_no_optimizations_may_be_written(finished, configured):
    assert plan(finished, config=configured({"optimizations": []})) == set()


DRAWN = ("experiment", "separation", "artefacts", "tasks", "classes", "neighbours", "tokens")
CHANGES = {
    "a metric reruns compare and below of its experiment": (
        {"experiments:metrics:conditions": ["euclidean", "correlation", "cosine", "cityblock"]},
        concluded("metrics"),
    ),
    "a title redraws its experiment": (
        {"experiments:layers:title": "Another question"},
        {Job(f"draw_{kind}", "layers") for kind in DRAWN} | examples("layers"),
    ),
    "a beam reruns its search": ({"searches:pair:beam": 3}, SEARCHED),
    "a search's title redraws it": ({"searches:pair:title": "Another question"}, {Job("draw_search", "pair")}),
    "a section stands in the report alone": ({"experiments:layers:section": "beyond the paper"}, set()),
    "an expected order reruns the tests": (
        {"experiments:video:expected_order": ["scdi", "sidi"]},
        {
            Job("compute_statistics", "video/tiny/davis"),
            Job("draw_experiment", "video"),
            Job("draw_separation", "video"),
            JUDGED,
            SUMMARIZED,
        },
    ),
    "a timestep extracts its extraction": ({"extractions:plain:timesteps": [0, 100]}, PLAIN),
    "a layer extracts its extraction": (
        {"extractions:video:layers": ["enc16"]},
        VIDEO,
    ),
    "a batch size reruns nothing": ({"batch_size": 1}, set()),
    "threads rerun nothing": ({"threads": 2}, set()),
    "a seed extracts from the latents that are there": (
        {"seed": 1},
        {Job("randomize_network", "untrained/unet")} | EVERYTHING_READ,
    ),
    "a device reruns nothing": ({"device": "auto"}, set()),
    "an arithmetic encodes again": ({"dtype": "bfloat16"}, ENCODED | EVERYTHING_READ),
    "a faster network reads the latents that are there": ({"optimizations": ["channels_last"]}, EVERYTHING_READ),
    "an area reruns the dataset's selection and below": (
        {"datasets:voc:min_area": 0.02},
        {Job("select_images", "voc/00000"), Job("encode_template", "tiny/named/voc/plain/00000")}
        | {Job("encode_images", f"tiny/voc/{views}/00000") for views in ("plain", "turned")}
        | extracted("extract_features", "plain", "voc")
        | extracted("pool_prototypes", "plain", "voc")
        | projected("plain", "voc")
        | measured("plain", "voc")
        | concluded("metrics", dataset="voc")
        | examples("metrics")
        | NOISED
        | TURNED,
    ),
    "a prompt is encoded and read by its extraction": (
        {"prompts:dog": "a photo of a dog", "extractions:plain:prompt": "dog"},
        {Job("encode_prompt", "tiny/dog")} | PLAIN,
    ),
    "images beyond a full shard add a shard": (
        {"datasets:davis:images": 12},
        {
            Job("select_images", "davis/00001"),
            Job("encode_images", "tiny/davis/plain/00001"),
            Job("extract_prototypes", "video/tiny/davis/00001"),
        }
        | projected("video", "davis")
        | measured("video", "davis")
        | concluded("video", "one"),
    ),
    "images fill the last shard and leave the full one": (
        {"datasets:coco:images": 12},
        {
            Job("select_images", "coco/00001"),
            Job("encode_images", "tiny/coco/plain/00001"),
            Job("extract_features", "plain/tiny/coco/00001"),
            Job("pool_prototypes", "plain/tiny/coco/00001"),
            Job("pool_prototypes", "plain.mask-area/tiny/coco/00001"),
        }
        | SEARCHED
        | READINGS["nearest"]
        | READINGS["area"]
        | projected("plain", "coco")
        | measured("plain", "coco")
        | {Job("draw_tokens", "layers")}
        | concluded("metrics", dataset="coco")
        | concluded("layers"),
    ),
    "a template is filled in and read by its extraction": (
        {"prompts:named": "a drawing of a {classes}"},
        {Job("encode_template", "tiny/named/voc/plain/00000")} | NOISED,
    ),
    "how proportions are kept decides what is encoded and pooled": (
        {f"models:{model}:resize": "letterbox" for model in SMALL["models"]},
        ENCODED | EVERYTHING_READ,
    ),
    "how cells count is decided when pooling": (
        {"extractions:noised:mask": "area"},
        extracted("pool_prototypes", "noised", "voc")
        | projected("noised", "voc")
        | concluded("noise", "both")
        | examples("noise"),
    ),
    "without maps, how cells count is decided when extracting": ({"extractions:turned:mask": "area"}, TURNED),
    "a feature set is pooled from the maps that are there": (
        {"experiments:layers:conditions": ["enc16.1", "enc16"]},
        extracted("pool_prototypes", "plain", "coco")
        | SEARCHED
        | READINGS["nearest"]
        | projected("plain", "coco")
        | {Job("draw_tokens", "layers")}
        | concluded("metrics", dataset="coco")
        | concluded("layers")
        | examples("layers"),
    ),
    "maps are pooled as they are made from now on": (
        {"extractions:noised:keep": "prototypes"},
        extracted("extract_prototypes", "noised", "voc")
        | projected("noised", "voc")
        | measured("noised", "voc")
        | {Job("draw_tokens", "noise")}
        | concluded("noise", "both")
        | examples("noise"),
    ),
    "maps are kept from now on": (
        {"extractions:turned:keep": "maps"},
        extracted("extract_features", "turned", "voc")
        | extracted("pool_prototypes", "turned", "voc")
        | concluded("turns")
        | examples("turns"),
    ),
    "a latent is drawn when it is read": ({"extractions:turned:posterior": "mean"}, TURNED),
    "noise is added when a latent is read": ({"extractions:turned:noise": False}, TURNED),
    "more steps take the same noise away": ({"extractions:noised:inference_steps": 20}, NOISED),
    "another reference is compared from the same prototypes": (
        {"experiments:one:reference": "crossing/00001/1"},
        concluded("one"),
    ),
    "pairs across a view are compared from the same prototypes": (
        {"experiments:turns:across": True},
        concluded("turns"),
    ),
    "another index is printed": ({"experiments:metrics:dunn": "eq10"}, {Job("draw_experiment", "metrics")}),
    "a view may be written with its parameter": (
        {"views:turned": [{"crop_shift": 0.2}, "crop_pad", "hflip"]},
        {Job("encode_images", "tiny/voc/turned/00000")} | TURNED,
    ),
    "a new view encodes its group": (
        {"views:turned": ["hflip", "crop_pad", "vflip"]},
        {Job("encode_images", "tiny/voc/turned/00000")} | TURNED,
    ),
    "a metric more measures all readings of a multiverse": (
        {"multiverses:choices:vary": {"metric": ["correlation", "cosine", "euclidean"], "mask": ["nearest", "area"]}},
        READINGS["nearest"] | READINGS["area"],
    ),
    "a mask less measures nothing again": (
        {"multiverses:choices:vary": {"metric": ["correlation", "cosine"], "mask": ["area"]}},
        COMBINED,
    ),
    "a multiverse's title redraws it": (
        {"multiverses:choices:title": "Another question"},
        {Job("draw_multiverse", "choices")},
    ),
    "a radius propagates again": ({"propagations:masks:radius": 3}, PROPAGATED),
    "a propagation's title redraws it": (
        {"propagations:masks:title": "Another question"},
        {Job("draw_propagation", "masks"), Job("draw_propagated_frames", "masks")},
    ),
    "without published claims nothing is judged": ({"reference_results": None}, set()),
    "a extraction that no experiment reads is pooled and not compared": (
        {"extractions:spare": {**SMALL["extractions"]["video"], "keep": "maps"}},
        extracted("extract_features", "spare", "davis")
        | extracted("pool_prototypes", "spare", "davis")
        | measured("spare", "davis"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changing_the_configuration(after_change, change):
    assert after_change[change].result() - {DESCRIBED, REPORTED} == CHANGES[change][1]


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_run_rests_on_is_described_again_unless_only_where_it_runs_changes(after_change, change):
    nowhere_else = CHANGES[change][0].keys() <= {"batch_size", "threads", "device", "reference_results"}
    assert (DESCRIBED in after_change[change].result()) != nowhere_else


@pytest.mark.parametrize("change", CHANGES)
def test_the_report_is_written_again_with_whatever_it_shows(after_change, change):
    without_a_trace = CHANGES[change][0].keys() <= {"batch_size", "threads", "device"}
    assert (REPORTED in after_change[change].result()) != without_a_trace


def test_a_manifest_is_made_again_from_the_index_alone(finished, clone):
    """Reading a large dataset's annotations takes minutes: they are read once, not once a shard."""
    repo, manifest = clone(), "results/manifests/coco/00001.parquet"
    shutil.rmtree(repo.find_dataset("coco"))
    repo.path(manifest).unlink()
    assert plan(repo, manifest) == {Job("select_images", "coco/00001")}
    execute(repo, manifest)
    assert repo.path(manifest).read_bytes() == finished.path(manifest).read_bytes()


def test_a_new_capture_extracts_itself_only(finished, configured):
    config = configured(
        {"extractions:noise": {"models": ["tiny"], "datasets": ["coco"], "layers": ["enc16.1"], "timesteps": [1]}}
    )
    assert plan(finished, "extract", config=config) == extracted("extract_features", "noise", "coco")


def test_a_new_view_group_encodes_itself(finished, configured):
    """Latents are cached per group: another group of the same views is no reason to touch the first."""
    config = configured(
        {
            "views:again": ["identity"],
            "extractions:again": {"models": ["tiny"], "datasets": ["coco"], "layers": ["enc16.1"], "views": "again"},
        }
    )
    encoded = {Job("encode_images", f"tiny/coco/again/{shard}") for shard in SHARDS["coco"]}
    assert plan(finished, "extract", config=config) == encoded | extracted("extract_features", "again", "coco")
