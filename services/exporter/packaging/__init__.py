"""What goes into a release's package beside its files. Knows releases and files; knows no store and no network."""

from services.exporter.packaging.contents import package_files
from services.exporter.packaging.origin import UNKNOWN, Origin

__all__ = ["UNKNOWN", "Origin", "package_files"]
