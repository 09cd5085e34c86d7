"""The straight sides of a card's borders, found in the pixels of the original image to a fraction of one."""
