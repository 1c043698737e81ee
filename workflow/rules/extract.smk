"""Latents to per-layer U-Net features, or straight to object prototypes."""


rule extract_features:
    input:
        latents=lambda wildcards: latents(wildcards.extraction, wildcards.model, wildcards.dataset, wildcards.shard),
        prompt=lambda wildcards: embedding(wildcards.extraction, wildcards.model, wildcards.dataset, wildcards.shard),
        unet=part("unet"),
        scheduler=part("scheduler"),
        code=sources("extract_features.py"),
    output:
        features="<results>/features/{extraction}/{model}/{dataset}/{shard}.h5",
    log:
        "<logs>/extract_features/{extraction}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/extract_features/{extraction}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        extraction=one_of(keeping("maps")),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=int(config["device"] != "cpu"),
        mem=lambda wildcards, attempt: f"{8 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{4 * attempt}h",
        device=config["device"],
        batch_size=config["batch_size"],
    params:
        read=reading,
    script:
        "../scripts/extract_features.py"


rule extract_prototypes:
    input:
        latents=lambda wildcards: latents(wildcards.extraction, wildcards.model, wildcards.dataset, wildcards.shard),
        prompt=lambda wildcards: embedding(wildcards.extraction, wildcards.model, wildcards.dataset, wildcards.shard),
        unet=part("unet"),
        scheduler=part("scheduler"),
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        code=sources("extract_prototypes.py"),
    output:
        prototypes="<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet",
    log:
        "<logs>/extract_prototypes/{extraction}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/extract_prototypes/{extraction}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        extraction=one_of(keeping("prototypes")),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=int(config["device"] != "cpu"),
        mem=lambda wildcards, attempt: f"{8 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{4 * attempt}h",
        device=config["device"],
        batch_size=config["batch_size"],
    params:
        read=reading,
        how=lambda wildcards: pooling(wildcards.extraction, wildcards.model),
        layer_sets=lambda wildcards: configuration.layer_sets(config, wildcards.extraction, wildcards.dataset),
    script:
        "../scripts/extract_prototypes.py"


rule list_layers:
    input:
        unet=unet_settings,
        code=sources("list_layers.py"),
    output:
        layers="<results>/layers/{model}.csv",
    log:
        "<logs>/list_layers/{model}.log",
    conda:
        "../../envs/data.yaml"
    script:
        "../scripts/list_layers.py"
