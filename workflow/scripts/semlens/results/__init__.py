"""A run's results in a notebook: :func:`semlens.results.run.open_run`, the files it reads, the figures it draws."""
