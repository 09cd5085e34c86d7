"""The pages: what the templates are given, and nothing else."""
