"""The training process. Knows tensors, its folder and the journal; knows no broker, no store and no service."""

import os

# Read by OpenMP when torch is loaded, so before it: threads that wait by spinning take the cores that others need. Two
# of them on two busy cores trained ten times slower (decision 16). The service sets it for its processes; commands that
# train in their own process get it here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
