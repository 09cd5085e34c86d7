"""What a model of reflectance is worth on one object: as the trainer evaluates, every fourth light is held out."""

from collections.abc import Callable
from typing import cast

import numpy as np
from truscore.metrics.reflectance import reflectance_figures, relighting_psnr
from truscore.photometric_stereo.ggx import Reflectance
from truscore.photometric_stereo.relighting import beside_photographs, held_out

from services.exporter.child.export_target import Answers, Picture
from services.exporter.child.lit_examples import LitExample


def reflectance_of(run: Callable[[Picture], Answers], example: LitExample) -> dict[str, float]:
    """Raises ValueError for an object whose reflectance is not known."""
    if example.reflectance is None:
        raise ValueError(f"{example.name!r} has no known reflectance; accepted are objects with all three maps")
    mask_HW, views = example.mask_HW, example.views
    held_L = held_out(views["lights"].astype(np.float64))
    shown = {**views, "present": views["present"] * ~held_L}
    answers = {name: np.asarray(values) for name, values in run(cast(Picture, shown)).items()}
    albedo_N, roughness_N, f0_N, confidence_N = (
        answers[name][mask_HW].astype(np.float64) for name in ("albedo", "roughness", "f0", "roughness_confidence")
    )
    sent_NL, photograph_NL = beside_photographs(
        answers["normals"].astype(np.float64).transpose(1, 2, 0)[mask_HW],
        Reflectance(albedo_N=albedo_N, roughness_N=roughness_N, f0_N=f0_N),
        samples_NL=views["views"].mean(axis=1).astype(np.float64)[:, mask_HW].T[:, held_L],
        directions_L3=views["lights"].astype(np.float64)[held_L],
        level_L=views["black_level"].astype(np.float64)[held_L],
        share_L=example.share_L[held_L],
    )
    true = example.reflectance
    return {
        "relighting_PSNR_dB": relighting_psnr(sent_NL, photograph_NL),
        **reflectance_figures(
            (albedo_N, roughness_N, f0_N), (true.albedo_N, true.roughness_N, true.f0_N), confidence_N
        ),
    }
