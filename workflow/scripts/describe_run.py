"""Describe what a run rests on."""

from semlens.report.provenance import describe_run
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        describe_run(
            prototypes=snakemake.input.prototypes,
            manifests=snakemake.input.manifests,
            folders=dict(zip(snakemake.params.datasets, snakemake.input.datasets, strict=True)),
            settings=snakemake.params.settings,
            tools=snakemake.params.tools,
            html=snakemake.output.html,
            json_=snakemake.output.json,
        )
