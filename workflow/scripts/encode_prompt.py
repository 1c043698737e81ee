"""Embed a prompt with the model's text encoder."""

from semlens import encoding, logs, models

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        encoding.encode_prompt(
            prompt=snakemake.params.prompt,
            encoders=models.encoders(snakemake.input),
            out=snakemake.output.embedding,
        )
