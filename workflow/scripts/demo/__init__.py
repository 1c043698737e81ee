"""What the demo needs and users do not: drawn scenes in official layouts, and the training of its model."""
