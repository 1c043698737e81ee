"""Choose the instances of one shard."""

from semlens import logs, selection

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        selection.select(
            dataset=snakemake.wildcards.dataset,
            index=snakemake.input.index,
            criteria=snakemake.params.criteria,
            published=snakemake.input.get("published") or None,
            images=tuple(snakemake.params.images),
            out=snakemake.output.manifest,
        )
