"""Latents to feature maps per layer, or straight to object prototypes; and to a sample of tokens."""


rule extract_features:
    """Capture the feature maps of one shard."""
    input:
        latents=lambda wildcards: paths.find_latents(**wildcards),
        prompt=lambda wildcards: paths.find_embedding(**wildcards),
        images=lambda wildcards: place(paths.find_squares(**wildcards)),
        manifest=lambda wildcards: (
            "<results>/manifests/{dataset}/{shard}.parquet" if paths.find_squares(**wildcards) else []
        ),
        network=network,
        scheduler=part("scheduler"),
        code=extractor_sources("extract_features.py"),
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
        family=family_of,
        settings=lambda wildcards: plan.get_extraction_settings(config, wildcards.extraction),
        names=extraction_names,
        half=lambda wildcards: config["extractions"][wildcards.extraction]["keep"] == "half_maps",
        images=image_options,
        digest=lambda wildcards: paths.find_squares(**wildcards)
        and digest_images(
            config["datasets"], [locate("<results>/manifests/{dataset}/{shard}.parquet".format_map(wildcards))]
        ),
    script:
        "../scripts/extract_features.py"


rule extract_prototypes:
    """Average the features of one shard over each object as they are captured, and keep only that."""
    input:
        latents=lambda wildcards: paths.find_latents(**wildcards),
        prompt=lambda wildcards: paths.find_embedding(**wildcards),
        images=lambda wildcards: place(paths.find_squares(**wildcards)),
        network=network,
        scheduler=part("scheduler"),
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        code=extractor_sources("extract_prototypes.py"),
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
        family=family_of,
        settings=lambda wildcards: plan.get_extraction_settings(config, wildcards.extraction),
        names=extraction_names,
        images=image_options,
        digest=lambda wildcards: paths.find_squares(**wildcards)
        and digest_images(
            config["datasets"], [locate("<results>/manifests/{dataset}/{shard}.parquet".format_map(wildcards))]
        ),
        masks=mask_options,
        layer_sets=layer_sets,
    script:
        "../scripts/extract_prototypes.py"


rule list_layers:
    """List the layers of a model: name, module, grid, channels."""
    input:
        settings=lambda wildcards: list(map(place, models.list_network_settings(wildcards.model))),
        code=lambda wildcards: sources("list_layers.py", f"models/backbones/{family_of(wildcards)}"),
    output:
        layers="<results>/layers/{model}.csv",
    log:
        "<logs>/list_layers/{model}.log",
    conda:
        "../../envs/model.yaml"
    params:
        family=family_of,
        size=lookup("models/{model}/size", within=config),
        settings=lambda wildcards: digest_files(models.list_network_settings(wildcards.model)),
    script:
        "../scripts/list_layers.py"


rule list_noise:
    """List the signal-to-noise ratio of every timestep of a model."""
    input:
        scheduler=part("scheduler"),
        code=sources("list_noise.py"),
    output:
        noise="<results>/noise/{model}.csv",
    log:
        "<logs>/list_noise/{model}.log",
    conda:
        "../../envs/model.yaml"
    params:
        kind=lambda wildcards: models.get_family(wildcards.model).NOISE,
    script:
        "../scripts/list_noise.py"
