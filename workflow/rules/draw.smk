"""Statistics, feature maps and frames to figures and tables."""


rule draw_experiment:
    """Draw an experiment's figure, and set its tables."""
    input:
        sets=statistics_of("sets"),
        tests=statistics_of("tests"),
        order=statistics_of("order"),
        code=sources("draw_experiment.py"),
    output:
        png=show("boxes", "<results>/figures/{experiment}.png"),
        pdf="<results>/figures/{experiment}.pdf",
        sets_html=show("sets", "<results>/tables/{experiment}.sets.html"),
        sets_csv="<results>/tables/{experiment}.sets.csv",
        sets_md="<results>/tables/{experiment}.sets.md",
        sets_tex="<results>/tables/{experiment}.sets.tex",
        tests_html=show("tests", "<results>/tables/{experiment}.tests.html"),
        tests_csv="<results>/tables/{experiment}.tests.csv",
        tests_md="<results>/tables/{experiment}.tests.md",
        tests_tex="<results>/tables/{experiment}.tests.tex",
    log:
        "<logs>/draw_experiment/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_experiment", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        comparisons=comparisons_of,
        dunn=of_experiment("dunn"),
        metric=lambda wildcards: plan.name_metric(config["experiments"][wildcards.experiment]),
        palette=config["palette"],
        kind=lambda wildcards: list_kinds(config["experiments"][wildcards.experiment])[0].name,
    script:
        "../scripts/draw_experiment.py"


rule draw_separation:
    """Draw the separation that an experiment measured, and set its table."""
    input:
        separation=statistics_of("separation"),
        order=statistics_of("order"),
        influence=lambda wildcards: list_statistics("influence", comparisons_of(wildcards), "parquet"),
        code=sources("draw_separation.py"),
    output:
        png=show("separation", "<results>/figures/{experiment}.separation.png"),
        pdf="<results>/figures/{experiment}.separation.pdf",
        html=show("separation_table", "<results>/tables/{experiment}.separation.html"),
        csv="<results>/tables/{experiment}.separation.csv",
        md="<results>/tables/{experiment}.separation.md",
        tex="<results>/tables/{experiment}.separation.tex",
    log:
        "<logs>/draw_separation/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_separation", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        comparisons=questions_of,
        models=list_compared_models(config),
        seed=config["seed"],
    script:
        "../scripts/draw_separation.py"


rule draw_heat_maps:
    """Draw separation, and what features are good for, of each layer at each timestep."""
    input:
        separation=statistics_of("separation"),
        tasks=lambda wildcards: of_experiment("tasks")(wildcards) and statistics_of("tasks")(wildcards),
        code=sources("draw_heat_maps.py"),
    output:
        png=show("heat_maps", "<results>/figures/{experiment}.png"),
        pdf="<results>/figures/{experiment}.pdf",
    log:
        "<logs>/draw_heat_maps/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_heat_maps", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        comparisons=comparisons_of,
    script:
        "../scripts/draw_heat_maps.py"


rule draw_tasks:
    """Draw what the features of an experiment are good for, and set its table."""
    input:
        tasks=statistics_of("tasks"),
        code=sources("draw_tasks.py"),
    output:
        png=show("tasks", "<results>/figures/{experiment}.tasks.png"),
        pdf="<results>/figures/{experiment}.tasks.pdf",
        html=show("tasks_table", "<results>/tables/{experiment}.tasks.html"),
        csv="<results>/tables/{experiment}.tasks.csv",
        md="<results>/tables/{experiment}.tasks.md",
        tex="<results>/tables/{experiment}.tasks.tex",
    log:
        "<logs>/draw_tasks/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_tasks", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        comparisons=comparisons_of,
        models=list_compared_models(config),
    script:
        "../scripts/draw_tasks.py"


rule draw_artefacts:
    """Draw what prototypes hold beside classes, below the separation that an experiment measured."""
    input:
        separation=statistics_of("separation"),
        artefacts=statistics_of("artefacts"),
        code=sources("draw_artefacts.py"),
    output:
        png=show("artefacts", "<results>/figures/{experiment}.artefacts.png"),
        pdf="<results>/figures/{experiment}.artefacts.pdf",
    log:
        "<logs>/draw_artefacts/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_artefacts", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        comparisons=comparisons_of,
        models=list_compared_models(config),
    script:
        "../scripts/draw_artefacts.py"


rule draw_tokens:
    """Draw what the layers that an experiment compares hold beside objects."""
    input:
        tokens=lambda wildcards: [
            "<results>/tokens/{extraction}/{model}/{dataset}.csv".format_map(source)
            for source in sampled_of(wildcards)
        ],
        code=sources("draw_tokens.py"),
    output:
        png=show("tokens", "<results>/figures/{experiment}.tokens.png"),
        pdf="<results>/figures/{experiment}.tokens.pdf",
    log:
        "<logs>/draw_tokens/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_tokens", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        conditions=conditions_of,
        sources=sampled_of,
        models=list_compared_models(config),
    script:
        "../scripts/draw_tokens.py"


rule draw_example_objects:
    """Draw how an object becomes a prototype, under each condition of an experiment."""
    input:
        features=lambda wildcards: [
            paths.find_extracted(**example) for example in plan.list_example_shards(config, wildcards.experiment)
        ],
        manifests=lambda wildcards: [
            f"<results>/manifests/{example['dataset']}/00000.parquet"
            for example in plan.list_example_shards(config, wildcards.experiment)
        ],
        images=lambda wildcards: [
            place(paths.find_images(example["dataset"], "00000"))
            for example in plan.list_example_shards(config, wildcards.experiment)
        ],
        code=lambda wildcards: view_sources(
            "draw_example_objects.py",
            *{config["extractions"][name]["views"] for name in of_experiment("extractions")(wildcards)},
        ),
    output:
        png=show("objects", "<results>/figures/{experiment}.objects.png"),
        pdf="<results>/figures/{experiment}.objects.pdf",
    log:
        "<logs>/draw_example_objects/{experiment}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(4, "GB"),
        runtime=grow(20, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        conditions=lambda wildcards: plan.list_distinct_inputs(config["experiments"][wildcards.experiment]),
        extractions=lambda wildcards: plan.list_example_options(config, wildcards.experiment),
        images=lambda wildcards: digest_images(
            config["datasets"],
            [
                locate(f"<results>/manifests/{dataset}/00000.parquet")
                for dataset in of_experiment("datasets")(wildcards)
            ],
        ),
    script:
        "../scripts/draw_example_objects.py"


rule draw_neighbours:
    """Draw some objects and their nearest ones of other images, and pairs that lie where none should."""
    input:
        neighbours=statistics_of("neighbours"),
        pairs=statistics_of("pairs"),
        manifests=lambda wildcards: [
            manifest for dataset in datasets_of(wildcards) for manifest in paths.list_manifests(dataset)
        ],
        images=lambda wildcards: [place(paths.list_images(dataset)[0]) for dataset in datasets_of(wildcards)],
        # Lists of further shards, whose images are in the same folder.
        more_images=lambda wildcards: [
            place(images) for dataset in datasets_of(wildcards) for images in paths.list_images(dataset)[1:]
        ],
        code=sources("draw_neighbours.py"),
    output:
        neighbours_png=show("neighbours", "<results>/figures/{experiment}.neighbours.png"),
        neighbours_pdf="<results>/figures/{experiment}.neighbours.pdf",
        pairs_png=show("pairs", "<results>/figures/{experiment}.pairs.png"),
        pairs_pdf="<results>/figures/{experiment}.pairs.pdf",
    log:
        "<logs>/draw_neighbours/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_neighbours", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        comparisons=comparisons_of,
        exif=lambda wildcards: {dataset: config["datasets"][dataset]["exif"] for dataset in datasets_of(wildcards)},
        images=lambda wildcards: digest_images(
            config["datasets"],
            [locate(path) for dataset in datasets_of(wildcards) for path in paths.list_manifests(dataset)],
        ),
    script:
        "../scripts/draw_neighbours.py"


rule draw_track:
    """Draw one object of a video through later frames."""
    input:
        distances=lambda wildcards: [
            "<results>/distances/{experiment}/{model}/{dataset}.parquet".format_map(comparison)
            for comparison in comparisons_of(wildcards)
        ],
        manifests=lambda wildcards: paths.list_manifests(of_experiment("datasets")(wildcards)[0]),
        images=lambda wildcards: [
            place(images) for images in paths.list_images(of_experiment("datasets")(wildcards)[0])
        ],
        code=sources("draw_track.py"),
    output:
        png=show("track", "<results>/figures/{experiment}.png"),
        pdf="<results>/figures/{experiment}.pdf",
        html=show("track_table", "<results>/tables/{experiment}.html"),
        csv="<results>/tables/{experiment}.csv",
        md="<results>/tables/{experiment}.md",
        tex="<results>/tables/{experiment}.tex",
    log:
        "<logs>/draw_track/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_track", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        reference=of_experiment("reference"),
        comparisons=comparisons_of,
        exif=lambda wildcards: config["datasets"][of_experiment("datasets")(wildcards)[0]]["exif"],
        images=lambda wildcards: digest_images(
            config["datasets"], map(locate, paths.list_manifests(of_experiment("datasets")(wildcards)[0]))
        ),
    script:
        "../scripts/draw_track.py"


rule draw_classes:
    """Draw how far apart classes lie, and where their objects do."""
    input:
        class_distances=statistics_of("class_distances"),
        pca=statistics_of("pca"),
        code=sources("draw_classes.py"),
    output:
        class_distances_png=show("class_distances", "<results>/figures/{experiment}.class_distances.png"),
        class_distances_pdf="<results>/figures/{experiment}.class_distances.pdf",
        pca_png=show("pca", "<results>/figures/{experiment}.pca.png"),
        pca_pdf="<results>/figures/{experiment}.pca.pdf",
    log:
        "<logs>/draw_classes/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(list_experiments("draw_classes", config["experiments"])),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        comparisons=comparisons_of,
    script:
        "../scripts/draw_classes.py"


rule draw_search:
    """Draw which layers together separate classes best, and set the table of the best subsets."""
    input:
        tables=lambda wildcards: list_searches(config, wildcards.search),
        summaries=lambda wildcards: list_searches(config, wildcards.search, ".summary"),
        code=sources("draw_search.py"),
    output:
        png=show("best_subsets", "<results>/figures/{search}.search.png", "searches"),
        pdf="<results>/figures/{search}.search.pdf",
        html=show("search_table", "<results>/tables/{search}.search.html", "searches"),
        csv="<results>/tables/{search}.search.csv",
        md="<results>/tables/{search}.search.md",
        tex="<results>/tables/{search}.search.tex",
    log:
        "<logs>/draw_search/{search}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_entry("searches", "title"),
        runs=lambda wildcards: list_runs(config, "searches", wildcards.search),
        models=lambda wildcards: describe_run_models(config, "searches", wildcards.search),
    script:
        "../scripts/draw_search.py"


rule draw_multiverse:
    """Draw what each specification of a multiverse gave, and set the tables of its choices and of all together."""
    input:
        specifications="<results>/multiverses/{multiverse}.specifications.csv",
        gaps="<results>/multiverses/{multiverse}.gaps.csv",
        choices="<results>/multiverses/{multiverse}.choices.csv",
        summary="<results>/multiverses/{multiverse}.summary.csv",
        code=sources("draw_multiverse.py"),
    output:
        png=show("specification_curve", "<results>/figures/{multiverse}.multiverse.png", "multiverses"),
        pdf="<results>/figures/{multiverse}.multiverse.pdf",
        choices_html=show("choices_table", "<results>/tables/{multiverse}.choices.html", "multiverses"),
        choices_csv="<results>/tables/{multiverse}.choices.csv",
        choices_md="<results>/tables/{multiverse}.choices.md",
        choices_tex="<results>/tables/{multiverse}.choices.tex",
        summary_html=show("multiverse_table", "<results>/tables/{multiverse}.multiverse.html", "multiverses"),
        summary_csv="<results>/tables/{multiverse}.multiverse.csv",
        summary_md="<results>/tables/{multiverse}.multiverse.md",
        summary_tex="<results>/tables/{multiverse}.multiverse.tex",
    log:
        "<logs>/draw_multiverse/{multiverse}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_entry("multiverses", "title"),
        vary=of_entry("multiverses", "vary"),
        runs=lambda wildcards: list_runs(config, "multiverses", wildcards.multiverse),
    script:
        "../scripts/draw_multiverse.py"


PUBLISHED = [
    here(find_file(config.get("reference_results", ""), HOME) / name) for name in ("claims.yaml", "table1.csv")
]


rule judge_claims:
    """Set the results beside what the paper claims."""
    input:
        sets=list_statistics("sets", JUDGED),
        tests=list_statistics("tests", JUDGED),
        unit_totals=list_unit_totals(JUDGED),
        published=[place(file) for file in PUBLISHED],
        templates=[here(HOME / "workflow" / "report" / f"claims.{kind}.j2") for kind in ("html", "md")],
        code=sources("judge_claims.py"),
    output:
        html=report("<results>/claims.html", caption="../report/captions/claims.rst", category="Findings"),
        csv="<results>/claims.csv",
        md="<results>/claims.md",
    log:
        "<logs>/judge_claims/claims.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(1, "GB"),
        runtime=grow(10, "m"),
    params:
        comparisons=JUDGED,
        seed=config["seed"],
        published=digest_files(PUBLISHED),
    script:
        "../scripts/judge_claims.py"


rule draw_propagation:
    """Draw how far features carry masks through videos, and set its table."""
    input:
        tables=of_job(propagations.list_tables, "propagation"),
        code=sources("draw_propagation.py"),
    output:
        png=show("propagation_scores", "<results>/figures/{propagation}.propagation.png", "propagations"),
        pdf="<results>/figures/{propagation}.propagation.pdf",
        html=show("propagation_table", "<results>/tables/{propagation}.propagation.html", "propagations"),
        csv="<results>/tables/{propagation}.propagation.csv",
        md="<results>/tables/{propagation}.propagation.md",
        tex="<results>/tables/{propagation}.propagation.tex",
    log:
        "<logs>/draw_propagation/{propagation}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_propagation("title"),
        runs=propagated_of,
        models=lambda wildcards: describe_run_models(config, "propagations", wildcards.propagation),
    script:
        "../scripts/draw_propagation.py"


rule draw_propagated_frames:
    """Draw frames of a video of each dataset with the masks that models carried there, and the true ones."""
    input:
        tables=of_job(propagations.list_tables, "propagation"),
        scores=lambda wildcards: propagations.list_shown(config, wildcards.propagation, "{sequence}.csv"),
        masks=lambda wildcards: propagations.list_shown(config, wildcards.propagation, "by_sequence/{sequence}"),
        images=lambda wildcards: [place(paths.find_dataset(video["dataset"])) for video in shown_videos_of(wildcards)],
        code=lambda wildcards: sources(
            "draw_propagated_frames.py",
            *sorted({f"select/formats/{video['format']}" for video in shown_videos_of(wildcards)}),
        ),
    output:
        png=show("propagation_frames", "<results>/figures/{propagation}.propagation_frames.png", "propagations"),
        pdf="<results>/figures/{propagation}.propagation_frames.pdf",
    log:
        "<logs>/draw_propagated_frames/{propagation}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_propagation("title"),
        runs=propagated_of,
        videos=shown_videos_of,
        digest=lambda wildcards: [
            propagations.digest_video(config["datasets"][video["dataset"]], video["sequence"])
            for video in shown_videos_of(wildcards)
        ],
    script:
        "../scripts/draw_propagated_frames.py"


rule draw_agreement:
    """Draw how alike all representations of an agreement are, and set the table of those that agree most."""
    input:
        agreement=lambda wildcards: [
            f"<results>/agreement/{wildcards.agreement}/{dataset}.csv"
            for dataset in config["agreements"][wildcards.agreement]["datasets"]
        ],
        code=sources("draw_agreement.py"),
    output:
        png=show("agreement_maps", "<results>/figures/{agreement}.agreement.png", "agreements"),
        pdf="<results>/figures/{agreement}.agreement.pdf",
        html=show("agreement_table", "<results>/tables/{agreement}.agreement.html", "agreements"),
        csv="<results>/tables/{agreement}.agreement.csv",
        md="<results>/tables/{agreement}.agreement.md",
        tex="<results>/tables/{agreement}.agreement.tex",
    log:
        "<logs>/draw_agreement/{agreement}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        title=of_entry("agreements", "title"),
        datasets=of_entry("agreements", "datasets"),
        representations=of_job(list_representations, "agreement"),
    script:
        "../scripts/draw_agreement.py"
