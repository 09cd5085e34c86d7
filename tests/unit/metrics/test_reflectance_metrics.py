"""Errors of reflectance that can be worked out by hand."""

import math

import numpy as np
import pytest
from truscore.metrics.reflectance import (
    ObjectReflectance,
    object_diagnostics,
    object_measure,
    object_metrics,
    reflectance_figures,
    relighting_psnr,
)

ALBEDO, ROUGHNESS, F0 = np.array([0.2, 0.4, 0.8]), np.array([0.2, 0.4, 0.5]), np.array([0.04, 0.0, 0.5])


def test_the_cameras_gain_is_no_error_of_albedo_or_f0() -> None:
    figures = reflectance_figures((3 * ALBEDO, ROUGHNESS, 3 * F0), (ALBEDO, ROUGHNESS, F0))
    perfect = {"albedo_error": 0, "roughness_error": 0, "f0_error": 0, "roughness_within": 1}
    assert figures == pytest.approx(perfect, abs=1e-12)


def test_errors_are_means_and_roughness_counts_where_anything_is_mirrored() -> None:
    off = np.array([0.3, 0.9, 0.5])  # the second pixel mirrors nothing
    figures = reflectance_figures((ALBEDO, off, np.zeros(3)), (ALBEDO, ROUGHNESS, F0), np.array([0.9, 0.9, 0.7]))
    assert figures["roughness_error"] == pytest.approx(0.05)
    assert figures["f0_error"] == pytest.approx(0.18)
    # Half of the glossy roughnesses are off by less than a factor of 1.25; 0.8 was promised.
    assert (figures["roughness_within"], figures["roughness_confidence"]) == pytest.approx((0.5, 0.8))


def test_of_a_surface_without_gloss_no_roughness_is_judged() -> None:
    assert math.isnan(reflectance_figures((ALBEDO, ROUGHNESS, F0), (ALBEDO, ROUGHNESS, 0 * F0))["roughness_error"])


def test_decibels_are_relative_to_full_scale_and_shadows_do_not_count() -> None:
    photograph = np.array([[0.5, 0.0], [0.7, 0.3]])
    sent = photograph + np.array([[0.1, 9.0], [-0.1, 0.1]])
    assert relighting_psnr(sent, photograph) == pytest.approx(20.0)
    assert math.isnan(relighting_psnr(sent, np.zeros((2, 2))))
    assert relighting_psnr(photograph, photograph) == pytest.approx(80.0)


def results() -> list[ObjectReflectance]:
    figures = (
        {"relighting_PSNR_dB": 30.0, "albedo_error": 0.02, "roughness_error": math.nan},
        {"relighting_PSNR_dB": 40.0, "albedo_error": 0.04, "roughness_error": 0.1},
    )
    return [ObjectReflectance(image=at, name=f"card {at}", lights=9, figures=each) for at, each in enumerate(figures)]


def test_an_object_without_a_figure_is_left_out_of_its_mean() -> None:
    expected = {"relighting_PSNR_dB": 35.0, "albedo_error": 0.03, "roughness_error": 0.1}
    assert object_metrics(results()) == pytest.approx(expected)
    assert object_measure(results())([1, 1])["albedo_error"] == pytest.approx(0.04)
    assert "roughness_error" not in object_measure(results())([0])


def test_the_report_names_what_is_known_of_an_object() -> None:
    diagnostics = object_diagnostics(results())
    assert [error.text for error in diagnostics.image_errors] == [
        "card 0, 9 lights: re-lit 30.0 dB, albedo off by 0.020",
        "card 1, 9 lights: re-lit 40.0 dB, albedo off by 0.040, roughness by 0.100",
    ]
