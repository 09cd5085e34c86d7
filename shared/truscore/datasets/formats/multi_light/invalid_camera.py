"""What no camera can be."""


class InvalidCamera(ValueError):
    """What is written is no camera, and what is accepted."""
