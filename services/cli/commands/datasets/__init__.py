"""Commands on a dataset's folder: render, validate, convert, split, augment, refine labels; they need no service."""
