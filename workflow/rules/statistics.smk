"""Distances to statistics of distance sets; prototypes to statistics and tasks of classes; tokens to artefacts of layers."""


rule compute_statistics:
    """Describe and test the distance sets of an experiment on one dataset, and measure the separation of classes."""
    input:
        distances="<results>/distances/{experiment}/{model}/{dataset}.parquet",
        unit_totals="<results>/distances/{experiment}/{model}/{dataset}.unit_totals.parquet",
        prototypes=lambda wildcards: paths.list_prototypes(**wildcards),
        manifests=lambda wildcards: paths.list_manifests(wildcards.dataset),
        code=metric_sources("compute_statistics.py", metrics_of),
    output:
        sets="<results>/statistics/{experiment}/{model}/{dataset}.sets.csv",
        tests="<results>/statistics/{experiment}/{model}/{dataset}.tests.csv",
        order="<results>/statistics/{experiment}/{model}/{dataset}.order.csv",
        separation="<results>/statistics/{experiment}/{model}/{dataset}.separation.csv",
        class_separation="<results>/statistics/{experiment}/{model}/{dataset}.class_separation.csv",
        contrasts="<results>/statistics/{experiment}/{model}/{dataset}.contrasts.csv",
        artefacts="<results>/statistics/{experiment}/{model}/{dataset}.artefacts.csv",
        influence="<results>/statistics/{experiment}/{model}/{dataset}.influence.parquet",
    log:
        "<logs>/compute_statistics/{experiment}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/compute_statistics/{experiment}/{model}/{dataset}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(metrics_of),
        device=config["device"],
        mem=grow(6, "GB"),
        runtime=grow(6, "h"),
    params:
        **{key: config[key] for key in ("average", "permutations", "max_objects", "seed")},
        conditions=conditions_of,
        sets=of_experiment("sets"),
        reference=of_experiment("reference"),
        expected_order=of_experiment("expected_order"),
    script:
        "../scripts/compute_statistics.py"


rule measure_tasks:
    """Measure what the prototypes of an experiment are good for: retrieval, probes, clustering, re-identification."""
    input:
        prototypes=lambda wildcards: paths.list_prototypes(**wildcards),
        manifests=lambda wildcards: paths.list_manifests(wildcards.dataset),
        code=metric_sources("measure_tasks.py", of_job(plan.list_task_metrics, "experiment")),
    output:
        tasks="<results>/statistics/{experiment}/{model}/{dataset}.tasks.csv",
        influence="<results>/statistics/{experiment}/{model}/{dataset}.tasks_influence.parquet",
    log:
        "<logs>/measure_tasks/{experiment}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/measure_tasks/{experiment}/{model}/{dataset}.tsv"
    wildcard_constraints:
        experiment=one_of(plan.list_experiments_with_tasks(config)),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(of_job(plan.list_task_metrics, "experiment")),
        device=config["device"],
        mem=grow(4, "GB"),
        runtime=grow(4, "h"),
    params:
        **{key: config[key] for key in ("average", "permutations", "max_objects", "seed")},
        conditions=conditions_of,
        tasks=of_experiment("tasks"),
        reference=of_experiment("reference"),
    script:
        "../scripts/measure_tasks.py"


rule compare_classes:
    """Measure how far apart classes lie, and project their objects on two principal components."""
    input:
        prototypes=lambda wildcards: paths.list_prototypes(**wildcards),
        code=metric_sources("compare_classes.py", metrics_of),
    output:
        class_distances="<results>/statistics/{experiment}/{model}/{dataset}.class_distances.csv",
        pca="<results>/statistics/{experiment}/{model}/{dataset}.pca.csv",
        neighbours="<results>/statistics/{experiment}/{model}/{dataset}.neighbours.csv",
        pairs="<results>/statistics/{experiment}/{model}/{dataset}.pairs.csv",
    log:
        "<logs>/compare_classes/{experiment}/{model}/{dataset}.log",
    wildcard_constraints:
        experiment=one_of(name for name, entry in config["experiments"].items() if plan.compares_classes(entry)),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(metrics_of),
        device=config["device"],
        mem=grow(8, "GB"),
        runtime=grow(30, "m"),
    params:
        conditions=conditions_of,
        seed=config["seed"],
    script:
        "../scripts/compare_classes.py"


rule project_objects:
    """Project the objects of an extraction on a plane for the explorer, and find the neighbours of each."""
    input:
        prototypes=lambda wildcards: [
            f"<results>/prototypes/{wildcards.extraction}/{wildcards.model}/{wildcards.dataset}/{shard}.parquet"
            for shard in plan.list_shards(config, wildcards.dataset)
        ],
        code=metric_sources("project_objects.py", plane_metrics_of),
    output:
        "<results>/planes/{extraction}/{model}/{dataset}.parquet",
    log:
        "<logs>/project_objects/{extraction}/{model}/{dataset}.log",
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(plane_metrics_of),
        device=config["device"],
        mem=grow(8, "GB"),
        runtime=grow(1, "h"),
    params:
        planes=planes_of,
        seed=config["seed"],
    script:
        "../scripts/project_objects.py"


rule measure_tokens:
    """Measure what else the layers of an extraction hold: massive channels, tokens of high norm, position."""
    input:
        tokens=lambda wildcards: [
            f"<results>/tokens/{find_maps(config, wildcards.extraction)}/{wildcards.model}/{wildcards.dataset}/{shard}.h5"
            for shard in plan.list_shards(config, wildcards.dataset)
        ],
        manifests=lambda wildcards: paths.list_manifests(wildcards.dataset),
        code=sources("measure_tokens.py"),
    output:
        "<results>/tokens/{extraction}/{model}/{dataset}.csv",
    log:
        "<logs>/measure_tokens/{extraction}/{model}/{dataset}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: config["threads"]
    resources:
        mem=grow(8, "GB"),
        runtime=grow(2, "h"),
    script:
        "../scripts/measure_tokens.py"
