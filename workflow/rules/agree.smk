"""Prototypes to how alike representations of the same objects are."""

from semlens.config.agreements import list_agreement_metrics, list_representations


rule measure_agreement:
    """Measure how alike all representations of an agreement are on one dataset."""
    input:
        prototypes=lambda wildcards: paths.list_agreement_prototypes(**wildcards),
        code=metric_sources("measure_agreement.py", of_job(list_agreement_metrics, "agreement")),
    output:
        agreement="<results>/agreement/{agreement}/{dataset}.csv",
        objects="<results>/agreement/{agreement}/{dataset}.objects.csv",
    log:
        "<logs>/measure_agreement/{agreement}/{dataset}.log",
    benchmark:
        "<benchmarks>/measure_agreement/{agreement}/{dataset}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: config["threads"]
    resources:
        gpu=gpu_for(of_job(list_agreement_metrics, "agreement")),
        device=config["device"],
        mem=grow(8, "GB"),
        runtime=grow(2, "h"),
    params:
        representations=of_job(list_representations, "agreement"),
        neighbours=of_entry("agreements", "neighbours"),
        seed=config["seed"],
    script:
        "../scripts/measure_agreement.py"
