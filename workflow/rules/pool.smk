"""Feature maps to object prototypes."""


rule pool_prototypes:
    """Average one shard's features over each object."""
    input:
        features=lambda wildcards: paths.find_extracted(**wildcards),
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        code=lambda wildcards: view_sources("pool_prototypes.py", config["extractions"][wildcards.extraction]["views"]),
    output:
        prototypes="<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet",
    log:
        "<logs>/pool_prototypes/{extraction}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/pool_prototypes/{extraction}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        extraction=one_of(plan.list_extractions_keeping(config, "maps")),
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem=grow(4, "GB"),
        runtime=grow(60, "m"),
    params:
        masks=mask_options,
        layer_sets=layer_sets,
    script:
        "../scripts/pool_prototypes.py"
