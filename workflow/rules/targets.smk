"""A named target per stage: snakemake --cores all STAGE makes everything up to that stage."""


rule fetch:
    """Everything that is downloaded, drawn or linked."""
    input:
        [place(paths.find_dataset(dataset)) for dataset in config["datasets"]],
        [place(paths.find_image_list(dataset)) for dataset in config["datasets"]],
        sorted({place(images) for dataset in config["datasets"] for images in paths.list_images(dataset)}),
        [place(models.find_part(model, part)) for model in config["models"] for part in PARTS],


rule index:
    """Every annotated instance of all datasets."""
    input:
        expand("<results>/index/{dataset}.parquet", dataset=config["datasets"]),


rule select:
    """The instances that are studied."""
    input:
        sorted({f"<results>/manifests/{job['dataset']}/{job['shard']}.parquet" for job in EXTRACTED}),


rule encode:
    """Latents and text embeddings."""
    input:
        paths.list_encodings(),


rule layers:
    """The layers of all models."""
    input:
        expand("<results>/layers/{model}.csv", model=config["models"]),


rule extract:
    """Feature maps, or prototypes at once."""
    input:
        [paths.find_extracted(**job) for job in EXTRACTED],


rule pool:
    """Prototypes."""
    input:
        paths.list_all_prototypes(),


rule compare:
    """Distances."""
    input:
        ["<results>/distances/{experiment}/{model}/{dataset}.parquet".format_map(comparison) for comparison in COMPARED],


rule statistics:
    """Statistics of distance sets, of classes, of tasks and of tokens."""
    input:
        list_statistics("sets", COMPARED),
        list_statistics("tasks", [entry for entry in COMPARED if config["experiments"][entry["experiment"]]["tasks"]]),
        list_statistics(
            "class_distances",
            [entry for entry in COMPARED if plan.compares_classes(config["experiments"][entry["experiment"]])],
        ),
        ["<results>/tokens/{extraction}/{model}/{dataset}.csv".format_map(job) for job in list_sampled(config)],


rule multiverse:
    """What every combination of choices answers."""
    input:
        expand("<results>/multiverses/{multiverse}.summary.csv", multiverse=config["multiverses"]),


rule agree:
    """How alike representations are."""
    input:
        [
            f"<results>/agreement/{name}/{dataset}.csv"
            for name, entry in config["agreements"].items()
            for dataset in entry["datasets"]
        ],


rule search:
    """Which layers together separate classes best."""
    input:
        list_searches(config),


rule propagate:
    """Masks that features carry through videos, and how good they are."""
    input:
        [
            "<results>/propagation/{propagation}/{model}/{dataset}.csv".format_map(job)
            for job in propagations.list_propagations(config)
        ],


rule draw:
    """Figures, tables and findings."""
    input:
        sorted(f"<results>/{part['file']}" for part in list_report_parts(config)),
        rules.summarize_findings.output.png,
        rules.judge_claims.output.html if "reference_results" in config else [],
