"""The format of the VGG Image Annotator."""
