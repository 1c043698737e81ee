"""Statistics, feature maps and frames to figures and tables."""


rule draw_experiment:
    input:
        sets=statistics("sets"),
        pairs=statistics("pairs"),
        trend=statistics("trend"),
        code=sources("draw_experiment.py"),
    output:
        png=report(
            "<results>/figures/{experiment}.png",
            caption="../report/distances.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "1 figure"},
        ),
        pdf="<results>/figures/{experiment}.pdf",
        sets_html=report(
            "<results>/tables/{experiment}.sets.html",
            caption="../report/sets.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "2 means of the sets"},
        ),
        sets_csv="<results>/tables/{experiment}.sets.csv",
        sets_md="<results>/tables/{experiment}.sets.md",
        sets_tex="<results>/tables/{experiment}.sets.tex",
        pairs_html=report(
            "<results>/tables/{experiment}.pairs.html",
            caption="../report/pairs.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "3 tests between sets"},
        ),
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
        section=of_experiment("section"),
        axis=of_experiment("axis"),
        datasets=of_experiment("datasets"),
        dunn=of_experiment("dunn"),
    script:
        "../scripts/draw_experiment.py"


rule draw_plate:
    input:
        captures=lambda wildcards: [
            extracted(capture, dataset, "00000") for capture, dataset in first_shards(wildcards.experiment)
        ],
        manifests=lambda wildcards: [
            f"<results>/manifests/{dataset}/00000.parquet" for dataset in of_experiment("datasets")(wildcards)
        ],
        pictures=lambda wildcards: [pictures(dataset, "00000") for dataset in of_experiment("datasets")(wildcards)],
        code=sources("draw_plate.py"),
    output:
        png=report(
            "<results>/figures/{experiment}.plate.png",
            caption="../report/plate.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "4 what the model sees and says"},
        ),
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
        reads=lambda wildcards: [dataset for _, dataset in first_shards(wildcards.experiment)],
        how=lambda wildcards: [pooling(capture) for capture, _ in first_shards(wildcards.experiment)],
    script:
        "../scripts/draw_plate.py"


rule draw_frames:
    input:
        distances=lambda wildcards: f"<results>/distances/{wildcards.experiment}/{the_dataset(wildcards)}.parquet",
        manifests=lambda wildcards: [
            f"<results>/manifests/{the_dataset(wildcards)}/{shard}.parquet"
            for shard in configuration.shards(config, the_dataset(wildcards))
        ],
        pictures=lambda wildcards: sorted(
            {pictures(the_dataset(wildcards), shard) for shard in configuration.shards(config, the_dataset(wildcards))}
        ),
        code=sources("draw_frames.py"),
    output:
        png=report(
            "<results>/figures/{experiment}.png",
            caption="../report/frames.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "1 figure"},
        ),
        pdf="<results>/figures/{experiment}.pdf",
        html=report(
            "<results>/tables/{experiment}.html",
            caption="../report/frames.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "2 distances"},
        ),
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
        section=of_experiment("section"),
        reference=of_experiment("reference"),
    script:
        "../scripts/draw_frames.py"


rule judge_claims:
    input:
        sets=[f"<results>/statistics/{experiment}/{dataset}.sets.csv" for experiment, dataset in STUDIED],
        pairs=[f"<results>/statistics/{experiment}/{dataset}.pairs.csv" for experiment, dataset in STUDIED],
        published=lambda wildcards: [published("claims.yaml"), published("table1.csv")],
        code=sources("judge_claims.py"),
    output:
        html=report(
            "<results>/published.html",
            caption="../report/published.rst",
            category="Side by side with the paper",
            labels={"result": "claims and values"},
        ),
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
        runs=[used(experiment, dataset) for experiment, dataset in STUDIED],
    script:
        "../scripts/judge_claims.py"
