"""Statistics, feature maps and frames to figures and tables."""


rule draw_experiment:
    input:
        sets=statistics("sets"),
        pairs=statistics("pairs"),
        trend=statistics("trend"),
        code=sources("draw_experiment.py"),
    output:
        png="<results>/figures/{experiment}.png",
        pdf="<results>/figures/{experiment}.pdf",
        sets_html="<results>/tables/{experiment}.sets.html",
        sets_csv="<results>/tables/{experiment}.sets.csv",
        sets_md="<results>/tables/{experiment}.sets.md",
        sets_tex="<results>/tables/{experiment}.sets.tex",
        pairs_html="<results>/tables/{experiment}.pairs.html",
        pairs_csv="<results>/tables/{experiment}.pairs.csv",
        pairs_md="<results>/tables/{experiment}.pairs.md",
        pairs_tex="<results>/tables/{experiment}.pairs.tex",
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


rule draw_plate:
    input:
        captures=lambda wildcards: [extracted(*first, "00000") for first in first_shards(wildcards.experiment)],
        manifests=lambda wildcards: [
            f"<results>/manifests/{dataset}/00000.parquet" for dataset in of_experiment("datasets")(wildcards)
        ],
        pictures=lambda wildcards: [pictures(dataset, "00000") for dataset in of_experiment("datasets")(wildcards)],
        code=sources("draw_plate.py"),
    output:
        png="<results>/figures/{experiment}.plate.png",
        pdf="<results>/figures/{experiment}.plate.pdf",
    log:
        "<logs>/draw_plate/{experiment}.log",
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
        how=lambda wildcards: [pooling(capture, model) for capture, model, _ in first_shards(wildcards.experiment)],
    script:
        "../scripts/draw_plate.py"


rule draw_frames:
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
        code=sources("draw_frames.py"),
    output:
        png="<results>/figures/{experiment}.png",
        pdf="<results>/figures/{experiment}.pdf",
        html="<results>/tables/{experiment}.html",
        csv="<results>/tables/{experiment}.csv",
        md="<results>/tables/{experiment}.md",
        tex="<results>/tables/{experiment}.tex",
    log:
        "<logs>/draw_frames/{experiment}.log",
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
        "../scripts/draw_frames.py"


rule draw_classes:
    input:
        maps=statistics("classes"),
        planes=statistics("plane"),
        code=sources("draw_classes.py"),
    output:
        map_png="<results>/figures/{experiment}.classes.png",
        map_pdf="<results>/figures/{experiment}.classes.pdf",
        plane_png="<results>/figures/{experiment}.plane.png",
        plane_pdf="<results>/figures/{experiment}.plane.pdf",
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
        pairs=[
            f"<results>/statistics/{experiment}/{model}/{dataset}.pairs.csv" for experiment, model, dataset in JUDGED
        ],
        published=lambda wildcards: [published("claims.yaml"), published("table1.csv")],
        code=sources("judge_claims.py"),
    output:
        html="<results>/published.html",
        csv="<results>/published.csv",
        md="<results>/published.md",
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
