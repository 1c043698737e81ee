"""Measure the distances of an experiment on one dataset."""

from semlens import comparison, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        comparison.compare(
            prototypes=snakemake.input.prototypes,
            conditions=snakemake.params.conditions,
            sets=snakemake.params.sets,
            reference=snakemake.params.reference,
            max_pairs=snakemake.params.max_pairs,
            seed=snakemake.params.seed,
            device=snakemake.resources.device,
            out=snakemake.output.distances,
        )
