"""One watch of each run for all who look at it. Knows plain views of runs; knows no gRPC and no browser."""
