"""Images and instance masks: reading them, and showing them under a view."""
