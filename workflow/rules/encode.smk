"""Images to VAE latents, prompts to text embeddings."""


rule encode_images:
    input:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        pictures=lambda wildcards: pictures(wildcards.dataset, wildcards.shard),
        vae=part("vae"),
        code=sources("encode_images.py"),
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
        mem=lambda wildcards, attempt: f"{8 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{4 * attempt}h",
        device=config["device"],
        batch_size=config["batch_size"],
    params:
        views=lambda wildcards: config["views"][wildcards.views],
        size=lambda wildcards: config["models"][wildcards.model]["size"],
        resize=lambda wildcards: config["models"][wildcards.model]["resize"],
        dtype=config["dtype"],
        seed=lambda wildcards: seed_of_views(config["views"][wildcards.views]),
    script:
        "../scripts/encode_images.py"


rule encode_prompt:
    input:
        tokenizer=part("tokenizer"),
        text_encoder=part("text_encoder"),
        tokenizer_2=part("tokenizer_2"),
        text_encoder_2=part("text_encoder_2"),
        code=sources("encode_prompt.py"),
    output:
        embedding="<results>/prompts/{model}/{prompt}.h5",
    log:
        "<logs>/encode_prompt/{model}/{prompt}.log",
    conda:
        "../../envs/model.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        prompt=lambda wildcards: config["prompts"][wildcards.prompt],
    script:
        "../scripts/encode_prompt.py"


rule encode_template:
    input:
        manifest="<results>/manifests/{dataset}/{shard}.parquet",
        tokenizer=part("tokenizer"),
        text_encoder=part("text_encoder"),
        tokenizer_2=part("tokenizer_2"),
        text_encoder_2=part("text_encoder_2"),
        code=sources("encode_template.py"),
    output:
        embedding="<results>/prompts/{model}/{prompt}/{dataset}/{views}/{shard}.h5",
    log:
        "<logs>/encode_template/{model}/{prompt}/{dataset}/{views}/{shard}.log",
    conda:
        "../../envs/model.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{30 * attempt}m",
    params:
        template=lambda wildcards: config["prompts"][wildcards.prompt],
        views=lambda wildcards: config["views"][wildcards.views],
    script:
        "../scripts/encode_template.py"
