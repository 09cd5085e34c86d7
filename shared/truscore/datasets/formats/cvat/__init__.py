"""The format of CVAT."""
