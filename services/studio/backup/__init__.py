"""Drafts outlive the studio's disk: what changed goes to the store, each minute, and comes back from there."""
