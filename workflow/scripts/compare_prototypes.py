"""Measure the distances of an experiment on one dataset."""

from semlens.compare.distances import compare_prototypes
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        compare_prototypes(
            prototypes=snakemake.input.prototypes,
            conditions=snakemake.params.conditions,
            sets=snakemake.params.sets,
            reference=snakemake.params.reference,
            max_pairs=snakemake.params.max_pairs,
            seed=snakemake.params.seed,
            device=snakemake.resources.device,
            out_distances=snakemake.output.distances,
            out_unit_totals=snakemake.output.unit_totals,
        )
