"""The format of images without annotations."""
