"""Image files: decoded within bounds, measured once, compared by perceptual hashes. Knows no annotation."""
