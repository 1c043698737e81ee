"""Embed a prompt that names the classes of each sample, with the model's text encoder."""

from semlens import encoding, logs, models

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        encoding.encode_template(
            template=snakemake.params.template,
            manifest=snakemake.input.manifest,
            views=snakemake.params.views,
            encoders=models.encoders(snakemake.input),
            out=snakemake.output.embedding,
        )
