"""Embed a prompt with the model's text encoder."""

from semlens import encoding, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        encoding.encode_prompt(
            prompt=snakemake.params.prompt,
            tokenizer=snakemake.input.tokenizer,
            text_encoder=snakemake.input.text_encoder,
            out=snakemake.output.embedding,
        )
