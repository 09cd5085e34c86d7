"""Models for the tests of the command line."""

from tests.unit.inference.exports import exported

__all__ = ["exported"]
