"""Distances to statistics."""


rule test_distances:
    input:
        distances="<results>/distances/{experiment}/{model}/{dataset}.parquet",
        code=sources("test_distances.py"),
    output:
        sets="<results>/statistics/{experiment}/{model}/{dataset}.sets.csv",
        pairs="<results>/statistics/{experiment}/{model}/{dataset}.pairs.csv",
        trend="<results>/statistics/{experiment}/{model}/{dataset}.trend.csv",
        normality="<results>/statistics/{experiment}/{model}/{dataset}.normality.csv",
    log:
        "<logs>/test_distances/{experiment}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/test_distances/{experiment}/{model}/{dataset}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{60 * attempt}m",
    params:
        conditions=condition_names,
        sets=of_experiment("sets"),
        expect=of_experiment("expect"),
        seed=config["seed"],
    script:
        "../scripts/test_distances.py"


rule map_classes:
    input:
        prototypes=prototypes,
        code=sources("map_classes.py"),
    output:
        map="<results>/statistics/{experiment}/{model}/{dataset}.classes.csv",
        plane="<results>/statistics/{experiment}/{model}/{dataset}.plane.csv",
    log:
        "<logs>/map_classes/{experiment}/{model}/{dataset}.log",
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
        "../scripts/map_classes.py"
