"""Readers of dataset layouts, one file per format, found by its name."""
