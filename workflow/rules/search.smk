"""Prototypes to the layers that together separate classes best."""


rule search_layers:
    """Try subsets of layers, and measure what each half of the images chooses on the other."""
    input:
        prototypes=lambda wildcards: [
            "<results>/prototypes/{}/{model}/{dataset}/{}.parquet".format(
                config["searches"][wildcards.search]["extraction"], shard, **wildcards
            )
            for shard in plan.list_shards(config, wildcards.dataset)
        ],
        code=sources("search_layers.py"),
    output:
        table="<results>/search/{search}/{model}/{dataset}.csv",
        summary="<results>/search/{search}/{model}/{dataset}.summary.csv",
    log:
        "<logs>/search_layers/{search}/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/search_layers/{search}/{model}/{dataset}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        mem=grow(4, "GB"),
        runtime=grow(2, "h"),
    params:
        **{key: of_entry("searches", key) for key in ("layers", "timestep", "metrics", "beam")},
        **{key: config[key] for key in ("average", "seed")},
    script:
        "../scripts/search_layers.py"
