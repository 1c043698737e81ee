"""Measure how far apart the classes of a dataset lie under the conditions of an experiment."""

from semlens import classes, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        classes.map_classes(
            prototypes=snakemake.input.prototypes,
            conditions=snakemake.params.conditions,
            seed=snakemake.params.seed,
            device=snakemake.resources.device,
            out_map=snakemake.output.map,
            out_plane=snakemake.output.plane,
        )
