"""Distances to statistics."""


rule compute_statistics:
    input:
        distances="<results>/distances/{experiment}/{model}/{dataset}.parquet",
        code=sources("compute_statistics.py"),
    output:
        sets="<results>/statistics/{experiment}/{model}/{dataset}.sets.csv",
        tests="<results>/statistics/{experiment}/{model}/{dataset}.tests.csv",
        order="<results>/statistics/{experiment}/{model}/{dataset}.order.csv",
    log:
        "<logs>/compute_statistics/{experiment}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/compute_statistics/{experiment}/{model}/{dataset}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{60 * attempt}m",
    params:
        conditions=condition_names,
        sets=of_experiment("sets"),
        expected_order=of_experiment("expected_order"),
        seed=config["seed"],
    script:
        "../scripts/compute_statistics.py"


rule compare_classes:
    input:
        prototypes=prototypes,
        code=sources("compare_classes.py"),
    output:
        class_distances="<results>/statistics/{experiment}/{model}/{dataset}.class_distances.csv",
        pca="<results>/statistics/{experiment}/{model}/{dataset}.pca.csv",
    log:
        "<logs>/compare_classes/{experiment}/{model}/{dataset}.log",
    wildcard_constraints:
        experiment=one_of(MAPPED),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=lambda wildcards: int(config["device"] != "cpu" and multiplies(wildcards)),
        device=config["device"],
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{30 * attempt}m",
    params:
        conditions=lambda wildcards: configuration.conditions(config["experiments"][wildcards.experiment]),
        seed=config["seed"],
    script:
        "../scripts/compare_classes.py"
