"""A named target per stage: snakemake --cores all STAGE makes everything up to that stage."""


rule fetch:
    input:
        [dataset_folder(dataset) for dataset in config["datasets"]],
        [published_list(dataset) for dataset in config["datasets"]],
        sorted(
            {
                pictures(dataset, shard)
                for dataset in config["datasets"]
                for shard in configuration.shards(config, dataset)
            }
        ),
        [model_part(model, name) for model in config["models"] for name in configuration.PARTS],


rule index:
    input:
        expand("<results>/index/{dataset}.parquet", dataset=config["datasets"]),


rule select:
    input:
        sorted({f"<results>/manifests/{dataset}/{shard}.parquet" for *_, dataset, shard in CAPTURED}),


rule encode:
    input:
        sorted({latents(extraction, model, dataset, shard) for extraction, model, dataset, shard in CAPTURED}),
        sorted({embedding(extraction, model, dataset, shard) for extraction, model, dataset, shard in CAPTURED}),


rule layers:
    input:
        expand("<results>/layers/{model}.csv", model=config["models"]),


rule extract:
    input:
        [extracted(extraction, model, dataset, shard) for extraction, model, dataset, shard in CAPTURED],


rule pool:
    input:
        [
            f"<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
            for extraction, model, dataset, shard in CAPTURED
        ],


rule compare:
    input:
        [f"<results>/distances/{experiment}/{model}/{dataset}.parquet" for experiment, model, dataset in STUDIED],


rule test:
    input:
        [
            f"<results>/statistics/{experiment}/{model}/{dataset}.class_distances.csv"
            for experiment, model, dataset in STUDIED
            if experiment in MAPPED
        ],
        [f"<results>/statistics/{experiment}/{model}/{dataset}.sets.csv" for experiment, model, dataset in STUDIED],


rule draw:
    input:
        sorted(f"<results>/{file}" for *_, file in SHOWN),
        rules.summarize_findings.output.png,
        ["<results>/claims.html"] if "published" in config else [],
