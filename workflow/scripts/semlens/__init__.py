"""Where in a diffusion U-Net does the meaning of objects live? The library behind the workflow.

Rooms, each knowing only those before it: layers, configuration; logs, tables; datasets, selection; images, views,
masks; models, shards, capture, encoding, extraction; prototypes; relations, distances, comparison; statistics; pages,
figures, published. scenes and tiny make the demo's data and model.
"""
