"""How far two annotators agree on one image. Knows documents and measures; knows no page."""
