"""What the recipes reach on real images, cross-validated: the figures of docs/results.md."""
