"""Measure what else the layers of an extraction hold: massive channels, tokens of high norm, position."""

from semlens.runtime.logs import log_job
from semlens.statistics.tokens import measure_tokens

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        measure_tokens(
            tokens=snakemake.input.tokens,
            manifests=snakemake.input.manifests,
            out=snakemake.output[0],
        )
