"""The format of Pascal VOC."""
