"""Runs training orders to their end. Knows leases, attempts, journals and the loop; knows no annotation format."""

__all__: list[str] = []
