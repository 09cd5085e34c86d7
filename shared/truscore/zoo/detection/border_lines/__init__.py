"""The second stage of border detection: each side of a card's borders placed in strips of the original picture.

Knows tensors, pictures and coarse borders; knows nothing of the detector that gives them, nor of datasets.
"""
