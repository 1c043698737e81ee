"""Test the distance sets of an experiment on one dataset."""

from semlens.runtime.logs import log_job
from semlens.statistics.compute import compute_statistics

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        compute_statistics(
            distances=snakemake.input.distances,
            conditions=snakemake.params.conditions,
            sets=snakemake.params.sets,
            expected_order=snakemake.params.expected_order,
            seed=snakemake.params.seed,
            out=dict(snakemake.output.items()),
        )
