"""Models for the tests of `truscore predict`."""

from tests.unit.inference.exports import exported

__all__ = ["exported"]
