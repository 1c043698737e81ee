"""Networks that can be read, one file per family."""
