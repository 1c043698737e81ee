"""Frames of videos, and the masks of their first frames, to masks of all frames; and how good these are."""

propagated_of = of_job(propagations.list_propagation_runs, "propagation")
shown_videos_of = of_job(propagations.list_shown_videos, "propagation")


wildcard_constraints:
    sequence=one_of(propagations.list_sequences(config["datasets"].values())),


rule propagate_masks:
    """Carry the masks of a video's first frame into its later frames, by each layer and timestep."""
    input:
        images=lambda wildcards: place(paths.find_dataset(wildcards.dataset)),
        prompt=lambda wildcards: paths.find_embedding(
            extraction=of_propagation("extraction")(wildcards), model=wildcards.model, dataset="", shard=""
        ),
        vae=part("vae"),
        network=network,
        scheduler=part("scheduler"),
        code=lambda wildcards: sources(
            "propagate_masks.py",
            "images/views/identity",
            f"models/backbones/{family_of(wildcards)}",
            f"select/formats/{config['datasets'][wildcards.dataset]['format']}",
        ),
    output:
        scores="<results>/propagation/{propagation}/{model}/{dataset}/{sequence}.csv",
        masks=directory("<results>/propagation/{propagation}/{model}/{dataset}/by_sequence/{sequence}"),
    log:
        "<logs>/propagate_masks/{propagation}/{model}/{dataset}/{sequence}.log",
    benchmark:
        "<benchmarks>/propagate_masks/{propagation}/{model}/{dataset}/{sequence}.tsv"
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
        format=lookup("datasets/{dataset}/format", within=config),
        settings=of_job(propagations.get_frame_settings, "propagation"),
        images=of_job(propagations.get_frame_options, "model", "dataset"),
        propagation=of_job(propagations.get_propagation_options, "propagation", "model"),
        names=lambda wildcards: plan.get_extraction_names(
            config, of_propagation("extraction")(wildcards), wildcards.model, wildcards.dataset
        ),
        digest=lambda wildcards: propagations.digest_video(config["datasets"][wildcards.dataset], wildcards.sequence),
    script:
        "../scripts/propagate_masks.py"


rule evaluate_propagation:
    """Measure J and F over all videos of a dataset, and lay out their masks as the official toolkit reads them."""
    input:
        scores=lambda wildcards: [
            f"<results>/propagation/{{propagation}}/{{model}}/{{dataset}}/{sequence}.csv"
            for sequence in propagations.list_sequences([config["datasets"][wildcards.dataset]])
        ],
        masks=lambda wildcards: [
            f"<results>/propagation/{{propagation}}/{{model}}/{{dataset}}/by_sequence/{sequence}"
            for sequence in propagations.list_sequences([config["datasets"][wildcards.dataset]])
        ],
        code=sources("evaluate_propagation.py"),
    output:
        table="<results>/propagation/{propagation}/{model}/{dataset}.csv",
        masks=directory("<results>/propagation/{propagation}/{model}/{dataset}/masks"),
    log:
        "<logs>/evaluate_propagation/{propagation}/{model}/{dataset}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(20, "m"),
    params:
        seed=config["seed"],
    script:
        "../scripts/evaluate_propagation.py"
