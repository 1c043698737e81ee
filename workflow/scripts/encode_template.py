"""Embed a prompt that names the classes of each sample, with the model's text encoder."""

from semlens.extract.prompts import encode_template
from semlens.models.part_hashes import list_folders
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        encode_template(
            template=snakemake.params.template,
            manifest=snakemake.input.manifest,
            views=snakemake.params.views,
            kind=snakemake.params.kind,
            parts=list_folders(snakemake.input),
            out=snakemake.output.embedding,
        )
