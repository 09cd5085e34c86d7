"""Models for the tests of the engine."""

from tests.unit.inference.exports import exported

__all__ = ["exported"]
