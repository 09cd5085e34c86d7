"""Attempts as Jobs of a Kubernetes cluster. Knows Jobs, pods and the journal in the store; knows no events."""
