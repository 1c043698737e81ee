"""Distances to statistics."""


rule test_distances:
    input:
        distances="<results>/distances/{experiment}/{dataset}.parquet",
        code=sources("test_distances.py"),
    output:
        sets="<results>/statistics/{experiment}/{dataset}.sets.csv",
        pairs="<results>/statistics/{experiment}/{dataset}.pairs.csv",
        trend="<results>/statistics/{experiment}/{dataset}.trend.csv",
        normality="<results>/statistics/{experiment}/{dataset}.normality.csv",
    log:
        "<logs>/test_distances/{experiment}/{dataset}.log",
    benchmark:
        "<benchmarks>/test_distances/{experiment}/{dataset}.tsv"
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
