"""Propagate the masks of the first frame of a video."""

from semlens.extract.features import FeatureExtractor
from semlens.extract.settings import ExtractionSettings
from semlens.propagate.frames import FRAME_READERS
from semlens.propagate.masks import propagate_masks
from semlens.propagate.videos import list_frames
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, sequence = snakemake.params, snakemake.input, snakemake.wildcards.sequence
        frames, masks = list_frames(params.format, inputs.images, sequence)
        extractor = FeatureExtractor(
            ExtractionSettings(**params.settings),
            family=params.family,
            inputs={**dict(inputs.items()), "frames": frames},
            images=params.images,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
            names=params.names,
            readers=FRAME_READERS,
        )
        propagate_masks(
            extractor,
            sequence=sequence,
            frames=frames,
            masks=masks,
            **params.propagation,
            out=snakemake.output.scores,
            folder=snakemake.output.masks,
        )
