"""Measure what the prototypes of an experiment are good for on one dataset."""

from semlens.runtime.logs import log_job
from semlens.statistics.measure import Options
from semlens.statistics.tasks.measure import measure_tasks

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        measure_tasks(
            prototypes=inputs.prototypes,
            manifests=inputs.manifests,
            conditions=params.conditions,
            tasks=params.tasks,
            reference=params.reference,
            options=Options(
                average=params.average,
                permutations=params.permutations,
                max_objects=params.max_objects,
                seed=params.seed,
                device=snakemake.resources.device,
            ),
            out=snakemake.output.tasks,
            out_influence=snakemake.output.influence,
        )
