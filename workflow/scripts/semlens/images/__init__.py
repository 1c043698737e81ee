"""Images and instance masks: reading them, rendering them under a view, and masks on a model's grids."""
