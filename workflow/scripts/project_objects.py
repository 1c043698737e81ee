"""Project the objects of an extraction on a plane, and find the neighbours of each."""

from semlens.runtime.logs import log_job
from semlens.statistics.planes import project_objects

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        project_objects(
            prototypes=snakemake.input.prototypes,
            planes=snakemake.params.planes,
            seed=snakemake.params.seed,
            device=snakemake.resources.device,
            out=snakemake.output[0],
        )
