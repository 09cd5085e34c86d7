"""What may be deleted from the store: policies and lineage in, a plan out. Knows items and ages; touches no store."""

from services.cli.retention.planning import Item, Plan, plan
from services.cli.retention.policy import Policy, read_policy
from services.cli.retention.recorded_items import items_of

__all__ = ["Item", "Plan", "Policy", "items_of", "plan", "read_policy"]
