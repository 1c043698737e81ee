"""Where in a diffusion U-Net does the meaning of objects live? The library behind the workflow.

Rooms, each knowing only those before it: layers, configuration, registry; logs, files, tables; downloads, archives;
datasets, selection; views, images, masks; pictures; checkpoints, devices, models, shards, capture, encoding,
extraction; prototypes, pooling; moments, relations, distances, comparison; statistics; pages, figures, plates, frames,
published, provenance. scenes draws the demo's data.
"""
