"""Search for the layers that together separate classes best."""

from semlens.runtime.logs import log_job
from semlens.statistics.search import Options
from semlens.statistics.search_job import search_layers

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, outputs = snakemake.params, snakemake.output
        search_layers(
            prototypes=snakemake.input.prototypes,
            layers=params.layers,
            timestep=params.timestep,
            metrics=params.metrics,
            options=Options(average=params.average, beam=params.beam, seed=params.seed),
            out=outputs.table,
            out_summary=outputs.summary,
        )
