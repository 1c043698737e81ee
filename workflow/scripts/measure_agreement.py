"""Measure how alike the representations of an agreement are on a dataset."""

from semlens.runtime.logs import log_job
from semlens.statistics.agreement.table import write_agreement

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        write_agreement(
            prototypes=snakemake.input.prototypes,
            representations=snakemake.params.representations,
            neighbours=snakemake.params.neighbours,
            seed=snakemake.params.seed,
            device=snakemake.resources.device,
            out=snakemake.output.agreement,
            out_objects=snakemake.output.objects,
        )
