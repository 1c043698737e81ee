"""One object's bounding box in its place, black around it."""

from semlens.images.views import View
from semlens.images.views._boxes import find_box

VIEW = View("crop_pad", per_instance=True, find_crop_box=find_box)
