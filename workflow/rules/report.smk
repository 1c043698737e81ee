"""Everything that was found to an answer and a report, with what the run rests on."""


rule describe_run:
    input:
        prototypes=[
            f"<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
            for extraction, model, dataset, shard in CAPTURED
        ],
        manifests=sorted({f"<results>/manifests/{dataset}/{shard}.parquet" for *_, dataset, shard in CAPTURED}),
        models=[
            model_part(model, name)
            for model in sorted({model for _, model, _, _ in CAPTURED})
            for name in configuration.PARTS
        ],
        code=sources("describe_run.py"),
    output:
        html="<results>/provenance.html",
        json="<results>/provenance.json",
    log:
        "<logs>/describe_run/provenance.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{20 * attempt}m",
    params:
        settings={key: value for key, value in config.items() if key not in PLACES},
        tools={"snakemake": version("snakemake")},
    script:
        "../scripts/describe_run.py"


rule summarize_findings:
    input:
        tests=all_statistics("tests"),
        order=all_statistics("order"),
        code=sources("summarize_findings.py"),
    output:
        json="<results>/findings.json",
        png="<results>/findings.png",
        pdf="<results>/findings.pdf",
    log:
        "<logs>/summarize_findings/answer.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        studies=[
            {"experiment": name, "model": model, "dataset": dataset, **asked(name)} for name, model, dataset in STUDIED
        ],
        weights={model: config["models"][model]["weights"] for _, model, _ in STUDIED},
        controls={
            model: pretrained(model)
            for _, model, _ in STUDIED
            if config["models"][model]["weights"] == "random" and pretrained(model) != model
        },
    script:
        "../scripts/summarize_findings.py"


rule write_report:
    input:
        answers=rules.summarize_findings.output.json,
        overview=rules.summarize_findings.output.png,
        parts=[f"<results>/{file}" for *_, file in SHOWN],
        sets=all_statistics("sets"),
        tests=all_statistics("tests"),
        published=rules.judge_claims.output.html if "published" in config else [],
        provenance=rules.describe_run.output.html,
        run=rules.describe_run.output.json,
        template=here(HOME / "workflow" / "report" / "report.html.j2"),
        code=sources("write_report.py"),
    output:
        html="<results>/report.html",
    log:
        "<logs>/write_report/report.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{2 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{10 * attempt}m",
    params:
        experiments=[
            {
                "name": name,
                **{key: entry[key] for key in ("title", "section", "axis", "dunn")},
                "studies": configuration.study_names(studies(name)),
                "followed": entry["reference"] if configuration.follows(entry) else None,
            }
            for name, entry in config["experiments"].items()
        ],
        parts=[[experiment, kind] for experiment, kind, _ in SHOWN],
        extractions=len(config["extractions"]),
        models=sorted({model for _, model, _, _ in CAPTURED}),
    script:
        "../scripts/write_report.py"
