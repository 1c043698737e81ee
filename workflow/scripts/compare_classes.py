"""Measure how far apart the classes of a dataset lie under the conditions of an experiment."""

from semlens.runtime.logs import log_job
from semlens.statistics.classes import compare_classes

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        compare_classes(
            prototypes=snakemake.input.prototypes,
            conditions=snakemake.params.conditions,
            seed=snakemake.params.seed,
            device=snakemake.resources.device,
            out_class_distances=snakemake.output.class_distances,
            out_pca=snakemake.output.pca,
            out_neighbours=snakemake.output.neighbours,
            out_pairs=snakemake.output.pairs,
        )
