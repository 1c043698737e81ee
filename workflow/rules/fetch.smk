"""Nothing to datasets and models: what is downloaded, and what the demo draws and makes."""


# What is downloaded depends on the registry alone: no code is an input, so that no edit downloads gigabytes again.
localrules:
    download_file,
    download_images,
    unpack_dataset,


rule download_file:
    output:
        file="<resources>/downloads/{file}",
    log:
        "<logs>/download_file/{file}.log",
    wildcard_constraints:
        file=one_of(registry.files(REGISTRY)),
    conda:
        "../../envs/data.yaml"
    resources:
        mirrors=mirrors(),
        registry=str(HOME / config["registry"]),  # another mirror is no reason to download again
    params:
        sha256=lambda wildcards: registry.files(REGISTRY)[wildcards.file]["sha256"],
    script:
        "../scripts/download_file.py"


rule unpack_dataset:
    input:
        archives=lambda wildcards: [
            downloaded(file) for file in registry.archives(REGISTRY, source(wildcards)["download"])
        ],
    output:
        dataset=directory("<resources>/datasets/{dataset}"),
    log:
        "<logs>/unpack_dataset/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(sourced(config["datasets"], "download")),
    conda:
        "../../envs/data.yaml"
    params:
        keep=lambda wildcards: REGISTRY["datasets"][source(wildcards)["download"]]["keep"],
        sequences=lambda wildcards: sorted(config["datasets"][wildcards.dataset].get("sequences", [])),
    script:
        "../scripts/unpack_dataset.py"


rule download_images:
    input:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
    output:
        images="<resources>/images/{dataset}/{shard}.csv",
    log:
        "<logs>/download_images/{dataset}/{shard}.log",
    wildcard_constraints:
        dataset=one_of(sourced(config["datasets"], "download")),
    conda:
        "../../envs/data.yaml"
    threads: 8
    resources:
        mirrors=mirrors(),
        registry=str(HOME / config["registry"]),
    params:
        source=lambda wildcards: source(wildcards)["download"],
    script:
        "../scripts/download_images.py"


rule convert_checkpoint:
    input:
        file=lambda wildcards: checkpoint_file(source(wildcards)["file"]),
        config=lambda wildcards: [path for paths in built_as(source(wildcards)["file"]).values() for path in paths],
        code=sources("convert_checkpoint.py"),
    output:
        model=directory("<resources>/models/{model}"),
    log:
        "<logs>/convert_checkpoint/{model}.log",
    wildcard_constraints:
        model=one_of(sourced(config["models"], "file")),
    conda:
        "../../envs/model.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{16 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{30 * attempt}m",
    params:
        allow_pickle=lambda wildcards: source(wildcards)["file"]["allow_pickle"],
    script:
        "../scripts/convert_checkpoint.py"


rule render_dataset:
    input:
        code=sources("render_dataset.py"),
    output:
        dataset=directory("<resources>/datasets/{dataset}"),
    log:
        "<logs>/render_dataset/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(sourced(config["datasets"], "demo")),
    conda:
        "../../envs/data.yaml"
    params:
        format=lambda wildcards: config["datasets"][wildcards.dataset]["format"],
        demo=lambda wildcards: source(wildcards)["demo"],
        splits=lambda wildcards: reader(wildcards)["splits"],
        sequences=lambda wildcards: reader(wildcards)["sequences"],
    script:
        "../scripts/render_dataset.py"


rule randomize_unet:
    input:
        unet=unet_settings,
        code=sources("randomize_unet.py"),
    output:
        unet=directory("<results>/untrained/{model}"),
    log:
        "<logs>/randomize_unet/{model}.log",
    conda:
        "../../envs/model.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{8 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        seed=config["seed"],
    script:
        "../scripts/randomize_unet.py"
