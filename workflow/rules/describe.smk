"""What a run rests on to a page of provenance: versions, hashes, configuration."""


rule describe_run:
    input:
        prototypes=[f"<results>/prototypes/{capture}/{dataset}/{shard}.parquet" for capture, dataset, shard in CAPTURED],
        manifests=sorted({f"<results>/manifests/{dataset}/{shard}.parquet" for _, dataset, shard in CAPTURED}),
        models=[
            model_part(model, name)
            for model in sorted({config["captures"][capture]["model"] for capture, _, _ in CAPTURED})
            for name in configuration.PARTS
        ],
        code=sources("describe_run.py"),
    output:
        html=report(
            "<results>/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"result": "versions, hashes, configuration"},
        ),
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
    script:
        "../scripts/describe_run.py"
