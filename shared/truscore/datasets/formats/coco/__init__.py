"""The format of COCO."""
