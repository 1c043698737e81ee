"""Write the report."""

from semlens.report.page import summarize_stages, write_report
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, given = snakemake.params, snakemake.input
        write_report(
            template=given.template,
            answers=given.answers,
            overview=given.overview,
            experiments=of.experiments,
            parts=[(*part, path) for part, path in zip(of.parts, given.parts, strict=True)],
            stages=summarize_stages(
                run=given.run, extractions=of.extractions, sets=given.sets, pairs=given.pairs, models=of.models
            ),
            published=given.get("published"),
            provenance=given.provenance,
            out=snakemake.output.html,
        )
