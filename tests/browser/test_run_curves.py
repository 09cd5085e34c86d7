"""Curves by optimiser step in a real browser: every extreme is drawn, all zoom together, NaN is said in words."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from truscore.events.v1 import telemetry_pb2

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.unit.monitor import event_sequences
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser

STEPS = 1200
# What a plot of one step alone shows of the steps.
ONE_STEP = """async () => {
  const {StepCurves} = await import("/web/canvas/step_curves.js");
  const curves = new StepCurves(document.getElementById("batch"), {onZoom: () => {}});
  curves.set([{name: "loss", points: [[1, 0.5]], undefined_at: [], bucket_steps: 1}]);
  await new Promise(requestAnimationFrame);
  const {min, max} = [...curves.plots.values()][0].plot.scales.x;
  return [min, max];
}"""
SPIKE, UNDEFINED = 601, 777
# Titles of the plots, in order.
SHOWN = """() => [...document.querySelectorAll("#batch section")].map((each) => each.getAttribute("aria-label"))"""
# Charts that reach beyond the panel that they are of.
ASTRAY = """() => [...document.querySelectorAll(".panel canvas")].filter((each) => {
  const [inner, outer] = [each, each.closest(".panel")].map((one) => one.getBoundingClientRect());
  return inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom;
}).map((each) => each.id || each.parentElement.className)"""


def run_with_parts() -> list[event_sequences.PublishedEvent]:
    """A run in training: losses fall, one step is a spike, one is NaN, and loading takes a growing share."""
    events = [event_sequences.started()]
    for step in range(1, STEPS + 1, 4):
        event = event_sequences.progressed(step, step / 10, loss=3.0 / (1 + step / 200) + 0.03 * (step % 7), epoch=2)
        message = event.message
        message.loss = {SPIKE: 91.0, UNDEFINED: float("nan")}.get(step, message.loss)
        message.loss_parts["box"], message.loss_parts["mask"] = message.loss * 0.6, message.loss * 0.4
        message.gradient_norm = 2.0 + 20.0 / step
        message.learning_rate = 1e-3 * min(1.0, step / 300) * (1 - step / 2 / STEPS)
        message.images_per_second = 20.0 + (step % 11)
        events.append(event)
    for epoch in (1, 2):
        done = event_sequences.epoch_done(epoch, 50.0 * epoch)
        done.message.loading_s = 7.0 * epoch
        done.message.metrics["edge_error_all_px"] = 9.0 / epoch
        events.append(done)
    gigabyte = 2**30
    for second in range(0, 130, 5):
        busy = 60.0 + 30.0 * math.sin(second / 15)
        gpu = telemetry_pb2.GpuSample(
            name="NVIDIA L4", utilization_percent=busy, memory_used_bytes=9 * gigabyte,
            memory_total_bytes=24 * gigabyte, power_watts=40 + busy / 3, temperature_celsius=45 + second / 10,
        )  # fmt: skip
        sample = event_sequences.sampled(
            float(second), cpu_percent=100 - busy / 2, process_cpu_percent=180 - busy, gpus=[gpu],
            process_memory_bytes=2 * gigabyte, memory_used_bytes=(4 + second // 40) * gigabyte,
            disk_read_bytes_per_second=2e7 if second < 20 else 1e5, network_receive_bytes_per_second=8e6,
        )  # fmt: skip
        events.append(sample)
    return events


async def test_curves_over_the_steps_keep_spikes_and_zoom_together(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    async with (
        monitor_of(run_with_parts()) as monitor,
        browser(tmp_path, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.log_in(Role.READER)
        (loss,) = (
            each
            for each in (await one.http.get(f"/api/runs/{event_sequences.RUN}/curves")).json()["curves"]
            if each["name"] == "loss"
        )
        assert [SPIKE, 91.0] in loss["points"]
        assert loss["undefined_at"] == [UNDEFINED]
        assert len(loss["points"]) <= 512
        assert (await one.http.get("/api/runs/run-unknown/curves")).status_code == 404

        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.READER))).pages[0]
        await page.goto(f"/runs/{event_sequences.RUN}")
        await expect(page.locator("#batch section")).to_have_count(5)
        assert await page.evaluate(SHOWN) == [
            "Training loss", "Parts of the loss", "Learning rate", "Norm of the gradient", "Images per second",
        ]  # fmt: skip
        assert await page.evaluate(ASTRAY) == []
        await expect(page.locator("#metric")).to_have_value("edge_error_all_px")  # box_AP50 comes first by name
        await expect(page.locator("#hardware-curves section")).to_have_count(8)
        assert await page.evaluate(SHOWN.replace("#batch", "#hardware-curves")) == [
            "Processor, %", "Memory, GiB", "Disks, MB/s", "Network, MB/s", "GPU busy, %", "GPU memory, GiB",
            "GPU power, W", "GPU temperature, °C",
        ]  # fmt: skip
        await keep_picture(page, "run-hardware", request, "#hardware-panel")
        await expect(page.locator("#undefined li").first).to_have_text(
            f"NaN or infinite at step {UNDEFINED}: loss, loss.box, loss.mask"
        )
        await expect(page.locator("#whole")).to_be_disabled()
        await page.get_by_label("Logarithmic losses").check()
        await expect(page.locator("#batch section")).to_have_count(5)
        await keep_picture(page, "run-steps", request, "#batch-panel")

        over = page.locator("#batch .u-over")
        await over.first.scroll_into_view_if_needed()
        box = await over.first.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 40)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 40, steps=4)
        await page.mouse.up()
        await expect(page.locator("#whole")).to_be_enabled()
        # The cursor in the middle of the zoomed first plot is the spike's place in all of them.
        await page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40)
        steps = await page.locator("#batch .u-legend tr:first-child .u-value").all_inner_texts()
        assert len(set(steps)) == 1
        assert abs(int(steps[0]) - STEPS / 2) < 20
        await page.locator("#whole").click()
        await expect(page.locator("#whole")).to_be_disabled()
        # A run that has just begun has one step: a plot of nothing but one is drawn, and hangs no page.
        assert await page.evaluate(ONE_STEP) == [1, 2]
