"""Datasets in the making. Knows their images, marks and edits, kept in SQLite; knows no broker and no store."""
