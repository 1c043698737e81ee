"""Nothing to datasets and models: what is downloaded, what is linked, and what the demo draws."""


# What is downloaded depends on the registry alone: no code is an input, so that no edit downloads gigabytes again.
rule download_file:
    """Download one file of the registry: resumed, retried, checked."""
    output:
        file="<resources>/downloads/{file}",
    log:
        "<logs>/download_file/{file}.log",
    wildcard_constraints:
        file=one_of(registry.list_files(REGISTRY)),
    localrule: True
    conda:
        "../../envs/data.yaml"
    resources:
        mirrors=plan.format_mirrors(config, os.environ.get("SEMLENS_MIRRORS", "")),
        registry=str(find_file(config["registry"], HOME)),  # a resource, because another mirror is no reason to download again
    params:
        sha256=lambda wildcards: registry.list_files(REGISTRY)[wildcards.file]["sha256"],
    script:
        "../scripts/download_file.py"


rule unpack_dataset:
    """Unpack what is used of a dataset's archives."""
    input:
        archives=lambda wildcards: [
            f"<resources>/downloads/{file}"
            for file in registry.list_archives(REGISTRY, config["datasets"][wildcards.dataset]["source"]["download"])
        ],
    output:
        dataset=directory("<resources>/datasets/{dataset}"),
    log:
        "<logs>/unpack_dataset/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(plan.list_names_by_source(config["datasets"], "download")),
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        keep=lambda wildcards: REGISTRY["datasets"][config["datasets"][wildcards.dataset]["source"]["download"]]["keep"],
        sequences=lambda wildcards: sorted(config["datasets"][wildcards.dataset].get("sequences", [])),
    script:
        "../scripts/unpack_dataset.py"


rule download_images:
    """Download the images of one shard, and list them."""
    input:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
    output:
        images="<resources>/images/{dataset}/{shard}.csv",
    log:
        "<logs>/download_images/{dataset}/{shard}.log",
    wildcard_constraints:
        dataset=one_of(plan.list_names_by_source(config["datasets"], "download")),
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 8
    resources:
        mirrors=plan.format_mirrors(config, os.environ.get("SEMLENS_MIRRORS", "")),
        registry=str(find_file(config["registry"], HOME)),
    params:
        source=lookup("datasets/{dataset}/source/download", within=config),
    script:
        "../scripts/download_images.py"


rule render_dataset:
    """Draw one of the demo's datasets in its official layout."""
    input:
        code=sources("render_dataset.py"),
    output:
        dataset=directory("<resources>/datasets/{dataset}"),
    log:
        "<logs>/render_dataset/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(plan.list_names_by_source(config["datasets"], "demo")),
    conda:
        "../../envs/data.yaml"
    params:
        format=lookup("datasets/{dataset}/format", within=config),
        demo=lookup("datasets/{dataset}/source/demo", within=config),
        options=lambda wildcards: plan.get_reader_options(config["datasets"][wildcards.dataset]),
    script:
        "../scripts/render_dataset.py"


rule convert_checkpoint:
    """Convert a model in a single file to folders in diffusers layout."""
    input:
        file=lambda wildcards: place(models.find_checkpoint(wildcards.model)),
        template=lambda wildcards: list(map(place, models.list_template_files(wildcards.model))),
        code=sources("convert_checkpoint.py"),
    output:
        model=directory("<resources>/converted/{model}"),
    log:
        "<logs>/convert_checkpoint/{model}.log",
    wildcard_constraints:
        model=one_of(plan.list_names_by_source(config["models"], "file")),
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(16, "GB"),
        runtime=grow(30, "m"),
    params:
        allow_pickle=lookup("models/{model}/source/file/allow_pickle", within=config),
        file=lambda wildcards: digest_files([models.find_checkpoint(wildcards.model)]),
    script:
        "../scripts/convert_checkpoint.py"


rule link_model_part:
    """Link a model's part from where it lies: a download, a folder, a converted file, the demo."""
    input:
        files=lambda wildcards: [place(file) for file in models.list_part_files(wildcards.model, wildcards.part)],
        code=sources("link_model_part.py"),
    output:
        part=directory("<resources>/models/{model}/{part}"),
    log:
        "<logs>/link_model_part/{model}/{part}.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        subfolder=lambda wildcards: wildcards.part if "file" in models.get_source(wildcards.model) else "",
        files=lambda wildcards: digest_files(models.list_part_files(wildcards.model, wildcards.part)),
    script:
        "../scripts/link_model_part.py"


rule randomize_network:
    """Write a network of a model's architecture with random weights: the control of what training adds."""
    input:
        config=lambda wildcards: place(models.find_network_config(wildcards.model)),
        code=sources("randomize_network.py", f"models/backbones/{BACKBONE}"),
    output:
        network=directory(f"<resources>/models/{{model}}/{BACKBONE}"),
    log:
        "<logs>/randomize_network/{model}.log",
    wildcard_constraints:
        model=one_of(name for name, entry in config["models"].items() if entry["weights"] == "random"),
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(8, "GB"),
        runtime=grow(10, "m"),
    params:
        backbone=BACKBONE,
        seed=config["seed"],
    script:
        "../scripts/randomize_network.py"


ruleorder: randomize_network > link_model_part
