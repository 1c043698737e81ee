"""Masks of a video's first frame, carried into later frames by features; and how good they are."""
