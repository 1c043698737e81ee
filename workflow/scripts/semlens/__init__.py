"""Where in a diffusion U-Net does the meaning of objects live? The library behind the workflow.

Rooms, each knowing only those before it: layers, configuration, registry; logs, files, tables; downloads, archives;
datasets, selection; views, images, masks; pictures; checkpoints, devices, models, shards, capture, encoding,
extraction; prototypes, pooling; moments, relations, distances, comparison, classes; statistics; p_values, figures,
maps, plates, frames; answers, published, provenance, reports. scenes draws the demo's data.
"""
