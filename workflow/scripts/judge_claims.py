"""Set the results beside what the paper published."""

from semlens import logs, published

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        sizes = published.read(snakemake.params.folder).images
        runs = [(run["experiment"], run["dataset"]) for run in snakemake.params.runs]
        judged = published.judge(
            snakemake.params.folder,
            {
                run: {"sets": sets, "pairs": pairs}
                for run, sets, pairs in zip(runs, snakemake.input.sets, snakemake.input.pairs, strict=True)
            },
            {
                run: published.comparability(**used, sizes=sizes)
                for run, used in zip(runs, snakemake.params.runs, strict=True)
            },
        )
        published.save(judged, snakemake.params.folder, **snakemake.output)
