"""The image as it is."""

from semlens.images.views import View

VIEW = View("identity")
