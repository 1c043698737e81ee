"""What the paper claims, and whether a run agrees."""
