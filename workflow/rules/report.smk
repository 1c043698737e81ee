"""Everything that was found to findings and a report, with what the run rests on."""

from semlens.config.models import list_noised_models
from semlens.config.multiverses import list_derived

DERIVED = list_derived(config)


rule describe_run:
    """Describe what a run rests on: versions, devices, datasets and models by their hashes, the configuration."""
    input:
        prototypes=paths.list_all_prototypes(),
        manifests=sorted({f"<results>/manifests/{job['dataset']}/{job['shard']}.parquet" for job in EXTRACTED}),
        datasets=[place(paths.find_dataset(dataset)) for dataset in config["datasets"]],
        code=sources("describe_run.py"),
    output:
        html="<results>/provenance.html",
        json="<results>/provenance.json",
    log:
        "<logs>/describe_run/provenance.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(20, "m"),
    params:
        settings={key: value for key, value in config.items() if key not in plan.PLACE_KEYS},
        datasets=list(config["datasets"]),
        tools={"snakemake": version("snakemake")},
    script:
        "../scripts/describe_run.py"


rule summarize_findings:
    """Summarize all statistics in a table of findings and one figure."""
    input:
        separation=list_statistics("separation", COMPARED),
        order=list_statistics("order", COMPARED),
        influence=list_statistics("influence", COMPARED, "parquet"),
        multiverses=expand("<results>/multiverses/{name}.summary.csv", name=config["multiverses"]),
        specifications=expand("<results>/multiverses/{name}.specifications.csv", name=config["multiverses"]),
        layers=[f"<results>/layers/{model['name']}.csv" for model in list_compared_models(config)],
        noise=[f"<results>/noise/{model['name']}.csv" for model in list_noised_models(config)],
        code=sources("summarize_findings.py"),
    output:
        json="<results>/findings.json",
        csv="<results>/findings.csv",
        models="<results>/models.csv",
        png=report("<results>/findings.png", caption="../report/captions/findings.rst", category="Findings"),
        pdf="<results>/findings.pdf",
    log:
        "<logs>/summarize_findings/findings.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        comparisons=plan.list_questions(config),
        models=list_compared_models(config),
        noised=list_noised_models(config),
        seed=config["seed"],
    script:
        "../scripts/summarize_findings.py"


rule write_report:
    """Write the report: one page that needs no other file."""
    input:
        findings=rules.summarize_findings.output.json,
        models=rules.summarize_findings.output.models,
        overview=rules.summarize_findings.output.png,
        parts=[f"<results>/{part['file']}" for part in list_report_parts(config)],
        sets=list_statistics("sets", COMPARED),
        tests=list_statistics("tests", COMPARED),
        multiverses=expand("<results>/multiverses/{name}.summary.csv", name=config["multiverses"]),
        claims=rules.judge_claims.output.html if "reference_results" in config else [],
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
        mem=grow(2, "GB"),
        runtime=grow(10, "m"),
    params:
        studies=describe_studies(config),
        parts=list_report_parts(config),
        multiverses={name: list_runs(config, "multiverses", name) for name in config["multiverses"]},
        comparisons=[{key: comparison[key] for key in ("experiment", "name")} for comparison in COMPARED],
        n_extractions=len(config["extractions"]),
        models=list(dict.fromkeys(job["model"] for job in EXTRACTED if job["extraction"] not in DERIVED)),
    script:
        "../scripts/write_report.py"


PROJECTED = plan.list_projections(config)
EXPLORED = list(dict.fromkeys(job["dataset"] for job in PROJECTED))


rule write_explorer:
    """Write the explorer: one page, which needs no other file, to look around among the objects."""
    input:
        planes=["<results>/planes/{extraction}/{model}/{dataset}.parquet".format_map(job) for job in PROJECTED],
        manifests=[manifest for dataset in EXPLORED for manifest in paths.list_manifests(dataset)],
        images=[place(paths.list_images(dataset)[0]) for dataset in EXPLORED],
        # Lists of further shards, whose images are in the same folder.
        more_images=[place(images) for dataset in EXPLORED for images in paths.list_images(dataset)[1:]],
        template=here(HOME / "workflow" / "report" / "explorer.html.j2"),
        code=sources("write_explorer.py"),
    output:
        html="<results>/explorer.html",
    log:
        "<logs>/write_explorer/explorer.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem=grow(4, "GB"),
        runtime=grow(1, "h"),
    params:
        projections=PROJECTED,
        exif={dataset: config["datasets"][dataset]["exif"] for dataset in EXPLORED},
        images=lambda wildcards: digest_images(
            config["datasets"], [locate(path) for dataset in EXPLORED for path in paths.list_manifests(dataset)]
        ),
    script:
        "../scripts/write_explorer.py"
