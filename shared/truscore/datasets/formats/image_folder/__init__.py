"""The image folders of Hugging Face: a line of metadata for each image."""
