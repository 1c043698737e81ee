"""Write the report."""

from semlens import logs, reports

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, given = snakemake.params, snakemake.input
        reports.write(
            template=given.template,
            answers=given.answers,
            overview=given.overview,
            experiments=of.experiments,
            parts=[(*part, path) for part, path in zip(of.parts, given.parts, strict=True)],
            stages=reports.counted(
                run=given.run, captures=of.captures, sets=given.sets, pairs=given.pairs, models=of.models
            ),
            published=given.get("published"),
            provenance=given.provenance,
            out=snakemake.output.html,
        )
