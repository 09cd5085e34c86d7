"""What `truscore doctor --deep` looks at: rights, clocks, versions, certificates, queues, and whether objects that
events name are there. Changes nothing but one small object of its own in the store, which it removes again."""

from services.cli.deep_checks.every_check import examine_deeply

__all__ = ["examine_deeply"]
