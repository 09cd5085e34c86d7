"""The Helm chart, made of what Kustomize renders. Knows objects of Kubernetes; knows no cluster."""
