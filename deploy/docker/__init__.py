"""Containers: the image, the compose files beside the main one, and what they log in with."""
