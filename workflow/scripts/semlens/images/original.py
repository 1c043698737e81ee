"""The name of the view that others are compared with: the image as it is."""

ORIGINAL = "identity"
