"""Statistics, feature maps and frames to figures and tables."""


rule draw_experiment:
    input:
        sets=statistics("sets"),
        tests=statistics("tests"),
        order=statistics("order"),
        code=sources("draw_experiment.py"),
    output:
        png="<results>/figures/{experiment}.png",
        pdf="<results>/figures/{experiment}.pdf",
        sets_html="<results>/tables/{experiment}.sets.html",
        sets_csv="<results>/tables/{experiment}.sets.csv",
        sets_md="<results>/tables/{experiment}.sets.md",
        sets_tex="<results>/tables/{experiment}.sets.tex",
        tests_html="<results>/tables/{experiment}.tests.html",
        tests_csv="<results>/tables/{experiment}.tests.csv",
        tests_md="<results>/tables/{experiment}.tests.md",
        tests_tex="<results>/tables/{experiment}.tests.tex",
    log:
        "<logs>/draw_experiment/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(config["experiments"].keys() - set(FOLLOWING)),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        names=study_names,
        dunn=of_experiment("dunn"),
    script:
        "../scripts/draw_experiment.py"


rule draw_example_objects:
    input:
        extractions=lambda wildcards: [extracted(*first, "00000") for first in first_shards(wildcards.experiment)],
        manifests=lambda wildcards: [
            f"<results>/manifests/{dataset}/00000.parquet" for dataset in of_experiment("datasets")(wildcards)
        ],
        pictures=lambda wildcards: [pictures(dataset, "00000") for dataset in of_experiment("datasets")(wildcards)],
        code=sources("draw_example_objects.py"),
    output:
        png="<results>/figures/{experiment}.objects.png",
        pdf="<results>/figures/{experiment}.objects.pdf",
    log:
        "<logs>/draw_example_objects/{experiment}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{20 * attempt}m",
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        conditions=lambda wildcards: configuration.looks(config["experiments"][wildcards.experiment]),
        datasets=of_experiment("datasets"),
        studies=lambda wildcards: studies(wildcards.experiment),
        names=study_names,
        reads=lambda wildcards: [(model, dataset) for _, model, dataset in first_shards(wildcards.experiment)],
        how=lambda wildcards: [pooling(extraction, model) for extraction, model, _ in first_shards(wildcards.experiment)],
    script:
        "../scripts/draw_example_objects.py"


rule draw_track:
    input:
        distances=lambda wildcards: [
            f"<results>/distances/{wildcards.experiment}/{model}/{dataset}.parquet"
            for model, dataset in studies(wildcards.experiment)
        ],
        manifests=lambda wildcards: [
            f"<results>/manifests/{the_dataset(wildcards)}/{shard}.parquet"
            for shard in configuration.shards(config, the_dataset(wildcards))
        ],
        pictures=lambda wildcards: sorted(
            {pictures(the_dataset(wildcards), shard) for shard in configuration.shards(config, the_dataset(wildcards))}
        ),
        code=sources("draw_track.py"),
    output:
        png="<results>/figures/{experiment}.png",
        pdf="<results>/figures/{experiment}.pdf",
        html="<results>/tables/{experiment}.html",
        csv="<results>/tables/{experiment}.csv",
        md="<results>/tables/{experiment}.md",
        tex="<results>/tables/{experiment}.tex",
    log:
        "<logs>/draw_track/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(FOLLOWING),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        title=of_experiment("title"),
        reference=of_experiment("reference"),
        models=lambda wildcards: [model for model, _ in studies(wildcards.experiment)],
    script:
        "../scripts/draw_track.py"


rule draw_classes:
    input:
        class_distances=statistics("class_distances"),
        pca=statistics("pca"),
        code=sources("draw_classes.py"),
    output:
        class_distances_png="<results>/figures/{experiment}.class_distances.png",
        class_distances_pdf="<results>/figures/{experiment}.class_distances.pdf",
        pca_png="<results>/figures/{experiment}.pca.png",
        pca_pdf="<results>/figures/{experiment}.pca.pdf",
    log:
        "<logs>/draw_classes/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(MAPPED),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        title=of_experiment("title"),
        axis=of_experiment("axis"),
        names=study_names,
    script:
        "../scripts/draw_classes.py"


rule judge_claims:
    input:
        sets=[f"<results>/statistics/{experiment}/{model}/{dataset}.sets.csv" for experiment, model, dataset in JUDGED],
        tests=[
            f"<results>/statistics/{experiment}/{model}/{dataset}.tests.csv" for experiment, model, dataset in JUDGED
        ],
        published=lambda wildcards: [published("claims.yaml"), published("table1.csv")],
        code=sources("judge_claims.py"),
    output:
        html="<results>/claims.html",
        csv="<results>/claims.csv",
        md="<results>/claims.md",
    log:
        "<logs>/judge_claims/published.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{1 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        folder=lambda wildcards: published(),
        runs=JUDGED,
        used=[used(*study) for study in JUDGED],
    script:
        "../scripts/judge_claims.py"
