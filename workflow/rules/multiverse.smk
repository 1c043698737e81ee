"""Prototypes to the answers that every combination of choices gives, and to what is said of all of them."""

from semlens.config import multiverses
from semlens.config.multiverses import list_measured

reading_metrics_of = of_job(multiverses.list_reading_metrics, "multiverse", "reading")
read_of = of_job(multiverses.find_read, "multiverse", "reading", "model", "dataset")


wildcard_constraints:
    reading=one_of({name for entry in config["multiverses"] for name in multiverses.list_readings(config, entry)}),


rule measure_specifications:
    """Measure the specifications of a multiverse that compare one reading."""
    input:
        prototypes=lambda wildcards: multiverses.list_read_prototypes(config, **wildcards),
        manifests=lambda wildcards: paths.list_manifests(read_of(wildcards)[0]["dataset"]),
        code=metric_sources("measure_specifications.py", reading_metrics_of),
    output:
        estimates="<results>/multiverses/{multiverse}/{model}/{dataset}/{reading}.estimates.csv",
        influence="<results>/multiverses/{multiverse}/{model}/{dataset}/{reading}.influence.parquet",
        permuted="<results>/multiverses/{multiverse}/{model}/{dataset}/{reading}.permuted.parquet",
    log:
        "<logs>/measure_specifications/{multiverse}/{model}/{dataset}/{reading}.log",
    benchmark:
        "<benchmarks>/measure_specifications/{multiverse}/{model}/{dataset}/{reading}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(reading_metrics_of),
        device=config["device"],
        mem=grow(6, "GB"),
        runtime=grow(6, "h"),
    params:
        **{key: config[key] for key in ("average", "permutations", "max_objects", "max_pairs", "seed")},
        specifications=of_job(multiverses.list_reading_specifications, "multiverse", "reading"),
        expected_order=of_entry("multiverses", "expected_order"),
        min_area=lookup("datasets/{dataset}/min_area", within=config),
    script:
        "../scripts/measure_specifications.py"


rule summarize_multiverse:
    """Say of all specifications what they have in common, and which choice moves the result."""
    input:
        estimates=lambda wildcards: list_measured(config, wildcards.multiverse, "estimates.csv"),
        influence=lambda wildcards: list_measured(config, wildcards.multiverse, "influence.parquet"),
        permuted=lambda wildcards: list_measured(config, wildcards.multiverse, "permuted.parquet"),
        code=sources("summarize_multiverse.py"),
    output:
        specifications="<results>/multiverses/{multiverse}.specifications.csv",
        gaps="<results>/multiverses/{multiverse}.gaps.csv",
        choices="<results>/multiverses/{multiverse}.choices.csv",
        summary="<results>/multiverses/{multiverse}.summary.csv",
    log:
        "<logs>/summarize_multiverse/{multiverse}.log",
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(4, "GB"),
        runtime=grow(1, "h"),
    params:
        runs=lambda wildcards: list_runs(config, "multiverses", wildcards.multiverse),
        specifications=of_job(multiverses.list_specifications, "multiverse"),
        n_possible=of_job(multiverses.count_possible, "multiverse"),
        expected_order=of_entry("multiverses", "expected_order"),
        seed=config["seed"],
    script:
        "../scripts/summarize_multiverse.py"
