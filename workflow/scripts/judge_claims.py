"""Set the results beside what the paper published."""

from semlens import logs, published

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, given = snakemake.params, snakemake.input
        sizes = published.read(of.folder).images
        runs = list(map(tuple, of.runs))
        judged = published.judge(
            of.folder,
            {
                run: {"sets": sets, "pairs": pairs}
                for run, sets, pairs in zip(runs, given.sets, given.pairs, strict=True)
            },
            {run: published.comparability(**used, sizes=sizes) for run, used in zip(runs, of.used, strict=True)},
        )
        published.save(judged, of.folder, **snakemake.output)
