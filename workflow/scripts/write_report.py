"""Write the report."""

from semlens.report.page import (
    describe_empty_sets,
    describe_multiverses,
    describe_question,
    summarize_stages,
    write_report,
)
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        write_report(
            template=inputs.template,
            asked=describe_question(run=inputs.run, studies=params.studies, models=params.models),
            findings=inputs.findings,
            overview=inputs.overview,
            models=inputs.models,
            studies=params.studies,
            parts=[{**part, "path": path} for part, path in zip(params.parts, inputs.parts, strict=True)],
            stages=summarize_stages(
                run=inputs.run,
                n_extractions=params.n_extractions,
                n_models=len(params.models),
                sets=inputs.sets,
                tests=inputs.tests,
            ),
            empty=describe_empty_sets(params.comparisons, inputs.sets),
            answers=describe_multiverses(params.multiverses.values(), params.multiverses, inputs.multiverses),
            claims=inputs.get("claims"),
            provenance=inputs.provenance,
            out=snakemake.output.html,
        )
