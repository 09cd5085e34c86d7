"""The training process. Knows tensors, its folder and the journal; knows no broker, no store and no service."""
