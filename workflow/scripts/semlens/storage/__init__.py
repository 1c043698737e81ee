"""How artefacts lie on disk: checked tables and HDF5 shards."""
