"""Feature shards to object prototypes."""


rule pool_prototypes:
    input:
        features="<results>/features/{capture}/{model}/{dataset}/{shard}.h5",
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        code=sources("pool_prototypes.py"),
    output:
        prototypes="<results>/prototypes/{capture}/{model}/{dataset}/{shard}.parquet",
    log:
        "<logs>/pool_prototypes/{capture}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/pool_prototypes/{capture}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        capture=one_of(keeping("maps")),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{60 * attempt}m",
    params:
        how=lambda wildcards: pooling(wildcards.capture, wildcards.model),
        feature_sets=lambda wildcards: configuration.feature_sets(config, wildcards.capture, wildcards.dataset),
    script:
        "../scripts/pool_prototypes.py"
