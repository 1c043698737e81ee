"""Feature shards to object prototypes."""


rule pool_prototypes:
    input:
        features="<results>/features/{extraction}/{model}/{dataset}/{shard}.h5",
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        code=sources("pool_prototypes.py"),
    output:
        prototypes="<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet",
    log:
        "<logs>/pool_prototypes/{extraction}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/pool_prototypes/{extraction}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        extraction=one_of(keeping("maps")),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{60 * attempt}m",
    params:
        how=lambda wildcards: pooling(wildcards.extraction, wildcards.model),
        layer_sets=lambda wildcards: configuration.layer_sets(config, wildcards.extraction, wildcards.dataset),
    script:
        "../scripts/pool_prototypes.py"
