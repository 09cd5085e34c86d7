"""Annotation formats, a folder for each, reader beside writer. Knows files of annotations; knows no split."""
