"""Say what a run rests on."""

from semlens import logs, provenance

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        provenance.describe(
            prototypes=snakemake.input.prototypes,
            manifests=snakemake.input.manifests,
            models=snakemake.input.models,
            settings=snakemake.params.settings,
            tools=snakemake.params.tools,
            html=snakemake.output.html,
            json_=snakemake.output.json,
        )
