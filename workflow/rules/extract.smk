"""Latents to feature maps per layer, or straight to object prototypes; and to a sample of tokens."""


rule extract_features:
    """Capture the feature maps of one shard."""
    input:
        latents=lambda wildcards: paths.find_latents(**wildcards),
        prompt=lambda wildcards: paths.find_embedding(**wildcards),
        network=part(BACKBONE),
        scheduler=part("scheduler"),
        code=sources("extract_features.py", f"models/backbones/{BACKBONE}"),
    output:
        features="<results>/features/{extraction}/{model}/{dataset}/{shard}.h5",
        tokens="<results>/tokens/{extraction}/{model}/{dataset}/{shard}.h5",
    log:
        "<logs>/extract_features/{extraction}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/extract_features/{extraction}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        extraction=one_of(plan.list_extractions_keeping(config, "maps")),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=int(config["device"] != "cpu"),
        mem=grow(8, "GB"),
        runtime=grow(4, "h"),
        device=config["device"],
        batch_size=config["batch_size"],
    params:
        backbone=BACKBONE,
        settings=lambda wildcards: plan.get_extraction_settings(config, wildcards.extraction),
        names=extraction_names,
    script:
        "../scripts/extract_features.py"


rule extract_prototypes:
    """Average the features of one shard over each object as they are captured, and keep only that."""
    input:
        latents=lambda wildcards: paths.find_latents(**wildcards),
        prompt=lambda wildcards: paths.find_embedding(**wildcards),
        network=part(BACKBONE),
        scheduler=part("scheduler"),
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        code=lambda wildcards: view_sources(
            "extract_prototypes.py",
            config["extractions"][wildcards.extraction]["views"],
            more=[f"models/backbones/{BACKBONE}"],
        ),
    output:
        prototypes="<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet",
        tokens="<results>/tokens/{extraction}/{model}/{dataset}/{shard}.h5",
    log:
        "<logs>/extract_prototypes/{extraction}/{model}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/extract_prototypes/{extraction}/{model}/{dataset}/{shard}.tsv"
    wildcard_constraints:
        extraction=one_of(plan.list_extractions_keeping(config, "prototypes")),
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=int(config["device"] != "cpu"),
        mem=grow(8, "GB"),
        runtime=grow(4, "h"),
        device=config["device"],
        batch_size=config["batch_size"],
    params:
        backbone=BACKBONE,
        settings=lambda wildcards: plan.get_extraction_settings(config, wildcards.extraction),
        names=extraction_names,
        masks=mask_options,
        layer_sets=layer_sets,
    script:
        "../scripts/extract_prototypes.py"


rule list_layers:
    """List the layers of a model: name, module, grid, channels."""
    input:
        config=lambda wildcards: place(models.find_network_config(wildcards.model)),
        code=sources("list_layers.py", f"models/backbones/{BACKBONE}"),
    output:
        layers="<results>/layers/{model}.csv",
    log:
        "<logs>/list_layers/{model}.log",
    conda:
        "../../envs/model.yaml"
    params:
        backbone=BACKBONE,
        config=lambda wildcards: digest_files([models.find_network_config(wildcards.model)]),
    script:
        "../scripts/list_layers.py"
