"""Prototypes to labelled distances."""


rule compare_prototypes:
    input:
        prototypes=prototypes,
        code=sources("compare_prototypes.py"),
    output:
        distances="<results>/distances/{experiment}/{model}/{dataset}.parquet",
    log:
        "<logs>/compare_prototypes/{experiment}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/compare_prototypes/{experiment}/{model}/{dataset}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=lambda wildcards: int(config["device"] != "cpu" and multiplies(wildcards)),
        device=config["device"],
        mem=lambda wildcards, attempt: f"{8 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{12 * attempt}h",
    params:
        conditions=lambda wildcards: configuration.conditions(config["experiments"][wildcards.experiment]),
        sets=of_experiment("sets"),
        reference=of_experiment("reference"),
        max_pairs=config["max_pairs"],
        seed=config["seed"],
    script:
        "../scripts/compare_prototypes.py"
