"""Nothing to datasets and models: what is downloaded, what is linked, and what the demo draws."""


# What these rules make has a digest in its name, or in the registry, of all that decides what it holds, code included.
# So no code is an input, times do not matter, and what is there is kept: another run may be reading it.
rule download_file:
    """Download one file of the registry: resumed, retried, checked."""
    output:
        file=update("<resources>/downloads/{file}"),
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
            place(f"<resources>/downloads/{file}")
            for file in registry.list_archives(REGISTRY, config["datasets"][wildcards.dataset]["source"]["download"])
        ],
    output:
        dataset=update(directory("<resources>/datasets/{dataset}-{key}")),
    log:
        "<logs>/unpack_dataset/{dataset}-{key}.log",
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
        images=update("<resources>/images/{source}/{dataset}-{shard}-{key}.csv"),
    log:
        "<logs>/download_images/{source}/{dataset}-{shard}-{key}.log",
    wildcard_constraints:
        source=one_of(REGISTRY["datasets"]),
        dataset=one_of(plan.list_names_by_source(config["datasets"], "download")),
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 8
    resources:
        mirrors=plan.format_mirrors(config, os.environ.get("SEMLENS_MIRRORS", "")),
        registry=str(find_file(config["registry"], HOME)),
    script:
        "../scripts/download_images.py"


rule render_dataset:
    """Draw one of the demo's datasets in its official layout."""
    output:
        dataset=update(directory("<resources>/datasets/{dataset}-{key}")),
    log:
        "<logs>/render_dataset/{dataset}-{key}.log",
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
    output:
        model=update(directory("<resources>/converted/{model}-{key}")),
    log:
        "<logs>/convert_checkpoint/{model}-{key}.log",
    wildcard_constraints:
        model=one_of(plan.list_names_by_source(config["models"], "file")),
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(16, "GB"),
        runtime=grow(30, "m"),
    params:
        allow_pickle=lookup("models/{model}/source/file/allow_pickle", within=config),
    script:
        "../scripts/convert_checkpoint.py"


rule link_model_part:
    """Link a model's part from where it lies, and note its hashes: a download, a folder, a converted file, the demo."""
    input:
        files=lambda wildcards: list(map(place, models.list_part_files(wildcards.model, wildcards.part).values())),
    output:
        part=update(directory("<resources>/models/{model}/{part}-{key}")),
    log:
        "<logs>/link_model_part/{model}/{part}-{key}.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        names=lambda wildcards: list(models.list_part_files(wildcards.model, wildcards.part)),
        converted=lambda wildcards: "file" in models.get_source(wildcards.model),
    script:
        "../scripts/link_model_part.py"


rule download_model_part:
    """Download a model's part from the Hugging Face hub, unless its cache has it; link it, and note its hashes."""
    output:
        part=update(directory("<resources>/hub/{model}/{part}-{key}")),
    log:
        "<logs>/download_model_part/{model}/{part}-{key}.log",
    wildcard_constraints:
        model=one_of(plan.list_names_by_source(config["models"], "hub")),
    localrule: True
    conda:
        "../../envs/model.yaml"
    params:
        source=lookup("models/{model}/source", within=config),
        family=family_of,
        size=lookup("models/{model}/size", within=config),
        with_weights=lambda wildcards: models.needs_weights(wildcards.model, wildcards.part),
    script:
        "../scripts/download_model_part.py"


rule randomize_network:
    """Write a network of a model's architecture with random weights: the control of what training adds."""
    input:
        settings=lambda wildcards: list(map(place, models.list_network_settings(wildcards.model))),
    output:
        network=update(directory("<resources>/models/{model}/{part}-{key}")),
    log:
        "<logs>/randomize_network/{model}/{part}-{key}.log",
    wildcard_constraints:
        part=one_of(NETWORKS),
        model=one_of(name for name, entry in config["models"].items() if entry["weights"] == "random"),
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(8, "GB"),
        runtime=grow(10, "m"),
    params:
        family=family_of,
        seed=lookup("models/{model}/seed", within=config),
    script:
        "../scripts/randomize_network.py"


ruleorder: randomize_network > link_model_part
