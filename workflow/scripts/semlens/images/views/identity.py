"""The image as it is."""

from semlens.images.original import ORIGINAL
from semlens.images.views import View

VIEW = View(ORIGINAL)
