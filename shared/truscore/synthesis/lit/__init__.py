"""Surfaces rendered under many lights, with their exact normals. Knows relief, light and cameras; knows no solver."""

from truscore.synthesis.lit.dataset import LIT_KINDS, render_lit_dataset
from truscore.synthesis.lit.multi_view import render_multi_view_dataset
from truscore.synthesis.lit.scene import LitScene, light_surface, render_lit_scene

__all__ = [
    "LIT_KINDS",
    "LitScene",
    "light_surface",
    "render_lit_dataset",
    "render_lit_scene",
    "render_multi_view_dataset",
]
