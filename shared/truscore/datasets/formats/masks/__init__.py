"""The format of images with masks."""
