"""List every annotated instance of a dataset."""

from semlens import logs, selection

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        selection.index(
            dataset=snakemake.wildcards.dataset,
            source={**snakemake.params.reader, "folder": snakemake.input.dataset},
            out=snakemake.output.index,
        )
