"""Describe what a run rests on."""

from semlens.report.provenance import describe_run
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        settings = snakemake.params.settings
        made = dict(zip(snakemake.params.datasets, snakemake.input.datasets, strict=True))
        describe_run(
            prototypes=snakemake.input.prototypes,
            manifests=snakemake.input.manifests,
            folders={name: settings["datasets"][name]["source"].get("folder", made[name]) for name in made},
            settings=settings,
            tools=snakemake.params.tools,
            html=snakemake.output.html,
            json_=snakemake.output.json,
        )
