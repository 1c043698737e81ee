"""From statistics, feature maps and frames to figures and tables.

``kinds`` lists them all, with their files and captions; ``style`` holds what they share.
"""
