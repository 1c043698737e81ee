"""Dataset folders to an index of all instances, and to manifests of those that are studied."""


rule index_dataset:
    """List every annotated instance of a dataset."""
    input:
        dataset=lambda wildcards: place(paths.find_dataset(wildcards.dataset)),
        code=lambda wildcards: sources(
            "index_dataset.py", f"select/formats/{config['datasets'][wildcards.dataset]['format']}"
        ),
    output:
        index="<results>/index/{dataset}.parquet",
    log:
        "<logs>/index_dataset/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem=grow(4, "GB"),
        runtime=grow(30, "m"),
    params:
        format=lookup("datasets/{dataset}/format", within=config),
        options=lambda wildcards: plan.get_reader_options(config["datasets"][wildcards.dataset]),
        exif=lookup("datasets/{dataset}/exif", within=config),
        annotations=lambda wildcards: digest_annotations(config["datasets"][wildcards.dataset]),
    script:
        "../scripts/index_dataset.py"


rule select_images:
    """Choose the instances of one shard."""
    input:
        index="<results>/index/{dataset}.parquet",
        image_list=lambda wildcards: place(paths.find_image_list(wildcards.dataset)),
        code=sources("select_images.py"),
    output:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
    log:
        "<logs>/select_images/{dataset}/{shard}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        image_list=lambda wildcards: digest_files([paths.find_image_list(wildcards.dataset) or "<none>"]),
        criteria=lambda wildcards: plan.get_criteria(config["datasets"][wildcards.dataset]),
        images=lambda wildcards: plan.get_shard_range(config, wildcards.dataset, wildcards.shard),
    script:
        "../scripts/select_images.py"
