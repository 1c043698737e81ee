"""Images to VAE latents, prompts to text embeddings."""


rule encode_images:
    """Encode the images of one shard with the VAE."""
    input:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        images=lambda wildcards: place(paths.find_images(wildcards.dataset, wildcards.shard)),
        vae=part("vae"),
        code=lambda wildcards: view_sources("encode_images.py", wildcards.views),
    output:
        latents="<results>/latents/{model}/{dataset}/{views}/{shard}.h5",
    log:
        "<logs>/encode_images/{model}/{dataset}/{views}/{shard}.log",
    benchmark:
        "<benchmarks>/encode_images/{model}/{dataset}/{views}/{shard}.tsv"
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
        views=lookup("views/{views}", within=config),
        size=lookup("models/{model}/size", within=config),
        resize=lookup("models/{model}/resize", within=config),
        exif=lookup("datasets/{dataset}/exif", within=config),
        dtype=config["dtype"],
        seed=lambda wildcards: plan.get_view_seed(config, config["views"][wildcards.views]),
        images=lambda wildcards: digest_images(
            config["datasets"], [locate("<results>/manifests/{dataset}/{shard}.parquet".format_map(wildcards))]
        ),
    script:
        "../scripts/encode_images.py"


rule encode_prompt:
    """Embed a prompt with the text encoder of a model."""
    input:
        tokenizer=part("tokenizer"),
        text_encoder=part("text_encoder"),
        tokenizer_2=part("tokenizer_2"),
        text_encoder_2=part("text_encoder_2"),
        tokenizer_3=part("tokenizer_3"),
        text_encoder_3=part("text_encoder_3"),
        code=lambda wildcards: sources("encode_prompt.py", f"models/texts/{text_of(wildcards)}"),
    output:
        embedding="<results>/prompts/{model}/{prompt}.h5",
    log:
        "<logs>/encode_prompt/{model}/{prompt}.log",
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(4, "GB"),
        runtime=grow(10, "m"),
    params:
        kind=text_of,
        prompt=lookup("prompts/{prompt}", within=config),
    script:
        "../scripts/encode_prompt.py"


rule encode_template:
    """Embed a prompt that names the classes of each sample."""
    input:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        tokenizer=part("tokenizer"),
        text_encoder=part("text_encoder"),
        tokenizer_2=part("tokenizer_2"),
        text_encoder_2=part("text_encoder_2"),
        tokenizer_3=part("tokenizer_3"),
        text_encoder_3=part("text_encoder_3"),
        code=lambda wildcards: view_sources(
            "encode_template.py", wildcards.views, more=[f"models/texts/{text_of(wildcards)}"]
        ),
    output:
        embedding="<results>/prompts/{model}/{prompt}/{dataset}/{views}/{shard}.h5",
    log:
        "<logs>/encode_template/{model}/{prompt}/{dataset}/{views}/{shard}.log",
    conda:
        "../../envs/model.yaml"
    resources:
        mem=grow(4, "GB"),
        runtime=grow(30, "m"),
    params:
        kind=text_of,
        template=lookup("prompts/{prompt}", within=config),
        views=lookup("views/{views}", within=config),
    script:
        "../scripts/encode_template.py"
