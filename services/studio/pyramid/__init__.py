"""Pictures in tiles and halves, so that a browser fetches what it shows. Knows sizes and bytes; decodes nothing."""
