"""The format of LabelMe."""
