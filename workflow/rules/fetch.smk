"""Nothing to datasets and models: what the demo draws and makes."""


rule render_dataset:
    input:
        code=sources("render_dataset.py"),
    output:
        dataset=directory("<resources>/datasets/{dataset}"),
    log:
        "<logs>/render_dataset/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(drawn(config["datasets"])),
    conda:
        "../../envs/data.yaml"
    params:
        format=lambda wildcards: config["datasets"][wildcards.dataset]["format"],
        demo=lambda wildcards: config["datasets"][wildcards.dataset]["source"]["demo"],
        splits=lambda wildcards: reader(wildcards)["splits"],
        sequences=lambda wildcards: reader(wildcards)["sequences"],
    script:
        "../scripts/render_dataset.py"


rule make_tiny_model:
    input:
        code=sources("make_tiny_model.py"),
    output:
        unet=directory("<resources>/models/{model}/unet"),
        vae=directory("<resources>/models/{model}/vae"),
        text_encoder=directory("<resources>/models/{model}/text_encoder"),
        tokenizer=directory("<resources>/models/{model}/tokenizer"),
        scheduler=directory("<resources>/models/{model}/scheduler"),
        index="<resources>/models/{model}/model_index.json",
    log:
        "<logs>/make_tiny_model/{model}.log",
    wildcard_constraints:
        model=one_of(drawn(config["models"])),
    conda:
        "../../envs/model.yaml"
    params:
        seed=lambda wildcards: config["models"][wildcards.model]["source"]["demo"]["seed"],
    script:
        "../scripts/make_tiny_model.py"
