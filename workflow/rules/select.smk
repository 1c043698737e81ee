"""Dataset folders to an index of all instances, and to manifests of those that are studied."""


rule index_dataset:
    input:
        dataset=lambda wildcards: dataset_folder(wildcards.dataset),
        annotations=lambda wildcards: configuration.annotation_files(config, wildcards.dataset),
        code=sources("index_dataset.py"),
    output:
        index="<results>/index/{dataset}.parquet",
    log:
        "<logs>/index_dataset/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{30 * attempt}m",
    params:
        reader=reader,
    script:
        "../scripts/index_dataset.py"


rule select_images:
    input:
        index="<results>/index/{dataset}.parquet",
        published=lambda wildcards: published_list(wildcards.dataset),
        code=sources("select_images.py"),
    output:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
    log:
        "<logs>/select_images/{dataset}/{shard}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        criteria=criteria,
        images=lambda wildcards: configuration.shard_images(config, wildcards.dataset, wildcards.shard),
    script:
        "../scripts/select_images.py"
