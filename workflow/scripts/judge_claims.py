"""Set the results beside what the paper published."""

from semlens.report.claims.all import explain_incomparability, judge_claims, read_published, save_claims
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, given = snakemake.params, snakemake.input
        sizes = read_published(of.folder).images
        runs = list(map(tuple, of.runs))
        judged = judge_claims(
            of.folder,
            {
                run: {"sets": sets, "tests": pairs}
                for run, sets, pairs in zip(runs, given.sets, given.pairs, strict=True)
            },
            {run: explain_incomparability(**used, sizes=sizes) for run, used in zip(runs, of.used, strict=True)},
        )
        save_claims(judged, of.folder, **snakemake.output)
