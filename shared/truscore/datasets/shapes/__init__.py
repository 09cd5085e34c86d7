"""Boxes, polygons, quadrilaterals and masks as numbers. Knows no file and no dataset."""
