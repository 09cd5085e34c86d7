"""The format of DOTA."""
