"""Choose the instances of one shard."""

from semlens.runtime.logs import log_job
from semlens.select.selection import select_images

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        select_images(
            dataset=snakemake.wildcards.dataset,
            index=snakemake.input.index,
            criteria=snakemake.params.criteria,
            image_list=snakemake.input.get("image_list") or None,
            images=tuple(snakemake.params.images),
            out=snakemake.output.manifest,
        )
