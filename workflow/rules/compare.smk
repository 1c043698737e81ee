"""Prototypes to the distances of labelled pairs."""


rule compare_prototypes:
    """Measure the distances of an experiment on one dataset, and add them up by image or video."""
    input:
        prototypes=lambda wildcards: paths.list_prototypes(**wildcards),
        code=metric_sources("compare_prototypes.py", metrics_of),
    output:
        distances="<results>/distances/{experiment}/{model}/{dataset}.parquet",
        unit_totals="<results>/distances/{experiment}/{model}/{dataset}.unit_totals.parquet",
    log:
        "<logs>/compare_prototypes/{experiment}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/compare_prototypes/{experiment}/{model}/{dataset}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(metrics_of),
        device=config["device"],
        mem=grow(8, "GB"),
        runtime=grow(12, "h"),
    params:
        conditions=conditions_of,
        sets=of_experiment("sets"),
        reference=of_experiment("reference"),
        max_pairs=of_job(plan.get_max_pairs, "experiment"),
        seed=config["seed"],
    script:
        "../scripts/compare_prototypes.py"
