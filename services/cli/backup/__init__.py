"""A copy of an installation and its way back. Knows the broker's messages, objects and files; knows no container."""
