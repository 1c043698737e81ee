"""Latents to per-layer U-Net features."""


rule extract_features:
    input:
        latents=lambda wildcards: latents(wildcards.capture, wildcards.dataset, wildcards.shard),
        prompt=lambda wildcards: embedding(wildcards.capture, wildcards.dataset, wildcards.shard),
        unet=part("unet"),
        scheduler=part("scheduler"),
        code=sources("extract_features.py"),
    output:
        features="<results>/features/{capture}/{dataset}/{shard}.h5",
    log:
        "<logs>/extract_features/{capture}/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/extract_features/{capture}/{dataset}/{shard}.tsv"
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
        feature_sets=of_capture("layers"),
        timesteps=of_capture("timesteps"),
        posterior=of_capture("posterior"),
        noise=of_capture("noise"),
        inference_steps=of_capture("inference_steps"),
        seed=config["seed"],
        dtype=config["dtype"],
        about=lambda wildcards: {
            "capture": wildcards.capture,
            "dataset": wildcards.dataset,
            "model": config["captures"][wildcards.capture]["model"],
            "prompt": config["prompts"][config["captures"][wildcards.capture]["prompt"]],
        },
    script:
        "../scripts/extract_features.py"


rule list_layers:
    input:
        unet=settings("unet"),
        code=sources("list_layers.py"),
    output:
        layers="<results>/layers/{model}.csv",
    log:
        "<logs>/list_layers/{model}.log",
    conda:
        "../../envs/data.yaml"
    script:
        "../scripts/list_layers.py"
