"""The parent of a training process in a pod. Knows the store and the run's folder; knows no broker and no cluster."""
