"""List the signal-to-noise ratio of every timestep of a model."""

import pandas as pd

from semlens.models.noise import N_TIMESTEPS, load_noise
from semlens.runtime.logs import log, log_job
from semlens.storage.layers import NOISE
from semlens.storage.tables import write_csv

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        noise = load_noise(snakemake.params.kind, snakemake.input.scheduler)
        table = pd.DataFrame({"timestep": range(N_TIMESTEPS)})
        table["snr"] = [noise.compute_snr(timestep) for timestep in table["timestep"]]
        write_csv(table, NOISE, snakemake.output.noise)
        log.info("signal-to-noise ratio from %.4g to %.4g", table["snr"].iloc[0], table["snr"].iloc[-1])
