"""The format of DeepPCB."""
