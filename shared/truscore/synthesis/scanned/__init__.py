"""Cards as scanners see them, with what lies beside and over their borders. Knows paint and geometry; nothing of
services or training."""
