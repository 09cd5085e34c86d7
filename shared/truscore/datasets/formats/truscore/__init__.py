"""The system's own format: the index as it is, beside the images. It has a place for all that an index can hold."""
