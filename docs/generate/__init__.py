"""Writes the reference pages of docs/reference from the code. Not part of the site, and imported by no service."""
