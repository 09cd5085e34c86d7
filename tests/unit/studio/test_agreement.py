"""How far two annotators agree: overlaps and kappas as they are defined, and the disputes that follow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.metrics.ordinal import quadratic_weighted_kappa

from services.studio.access import Role
from services.studio.agreement.kappa import cohen_kappa
from services.studio.agreement.matching import compare, matched, overlaps_of
from services.studio.agreement.summary import disagreements, label_kappa, summary_of
from services.studio.drafts.document import Document, Shape
from tests.unit.studio.studio_harness import Browser, browser, png

SIZE = {"width": 200, "height": 250}
CARD = (20, 20, 170, 20, 170, 230, 20, 230)
PRINT = (24, 25, 166, 25, 166, 226, 24, 226)  # overlaps the card by nine tenths


def shape(name: str, kind: str, label: int, *points: float) -> Shape:
    return Shape(id=name, kind=kind, label=label, points=points)


def document(*shapes: Shape, labels: tuple[int, ...] | None = None) -> Document:
    return Document(shapes={each.id: each for each in shapes}, labels=labels)


def test_overlaps_are_those_of_the_areas() -> None:
    one = [shape("a", "box", 1, 0, 0, 100, 100), shape("p", "point", 1, 50, 200)]
    other = [
        shape("b", "box", 1, 50, 0, 150, 100),
        shape("c", "polygon", 1, 0, 0, 100, 0, 0, 100),
        shape("q", "point", 1, 50, 200),
        shape("r", "point", 1, 58, 200),
    ]
    overlap_MN = overlaps_of(one, other, **SIZE)
    assert overlap_MN[0] == pytest.approx([1 / 3, 1 / 2, 0, 0], abs=0.01)
    assert overlap_MN[1] == pytest.approx([0, 0, 1, 0], abs=0.01)


def test_marks_of_one_class_are_matched_before_those_that_overlap_more() -> None:
    one = [shape("outer", "quad", 1, *CARD), shape("inner", "quad", 2, *PRINT)]
    other = [shape("inner", "quad", 2, *CARD), shape("outer", "quad", 1, *PRINT)]
    assert [(m, n) for m, n, _ in matched(one, other, **SIZE)] == [(0, 1), (1, 0)]
    found = compare(document(*one), document(*other[:1]), **SIZE)
    assert (found["matched"], found["alone"], found["classes"]) == (1, [["outer"], []], [[2, 2, 1]])


points = st.floats(0, 200).map(lambda value: round(value, 1))
boxes = st.tuples(points, points, points, points).map(
    lambda p: (min(p[0], p[2]), min(p[1], p[3]), max(p[0], p[2]) + 1, max(p[1], p[3]) + 1)
)
drawn = st.lists(st.tuples(boxes, st.integers(1, 2)), max_size=5).map(
    lambda all_of: [shape(f"s{place}", "box", label, *box) for place, (box, label) in enumerate(all_of)]
)


@settings(max_examples=50, deadline=None)
@given(drawn, drawn)
def test_each_mark_has_one_counterpart_and_the_order_of_the_two_does_not_matter(
    one: list[Shape], other: list[Shape]
) -> None:
    forward, back = compare(document(*one), document(*other), **SIZE), compare(document(*other), document(*one), **SIZE)
    assert forward["matched"] + len(forward["alone"][0]) == len(one)
    assert forward["matched"] + len(forward["alone"][1]) == len(other)
    assert forward["mean_overlap"] == pytest.approx(back["mean_overlap"]) or forward["matched"] == 0
    assert compare(document(*one), document(*one), **SIZE)["matched"] == len(one)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=40))
def test_the_weighted_kappa_is_that_of_the_metrics_and_the_plain_one_cohens(pairs: list[tuple[int, int]]) -> None:
    counts_KK = np.zeros((4, 4), dtype=np.int64)
    for one, other in pairs:
        counts_KK[one - 1, other - 1] += 1
    weighted = cohen_kappa(Counter(pairs), apart=lambda one, other: (one - other) ** 2)
    reference = quadratic_weighted_kappa(counts_KK, [1, 2, 3, 4])
    assert (
        weighted is None
        if len({value for pair in pairs for value in pair}) == 1
        else weighted == pytest.approx(reference)
    )
    share_KK = counts_KK / counts_KK.sum()
    chance = float(share_KK.sum(axis=0) @ share_KK.sum(axis=1))
    plain = cohen_kappa(Counter(pairs))
    assert plain is None if chance == 1 else plain == pytest.approx((np.trace(share_KK) - chance) / (1 - chance))


def test_figures_of_labels_and_of_a_dataset() -> None:
    assert label_kappa([], grades=(), classes=3) is None
    assert label_kappa([[[1], [1]], [[2], [2]]], grades=(9.0, 10.0), classes=2) == 1
    several: list[list[list[int] | None]] = [[[1, 2], [1]], [[], []], [[1], [1]]]
    assert label_kappa(several, grades=(), classes=2) == pytest.approx((1 + 0) / 2)
    found = compare(
        document(shape("a", "box", 1, 0, 0, 100, 100)), document(shape("b", "box", 2, 0, 0, 100, 50)), **SIZE
    )
    said = summary_of([found, found], grades=(), classes=2)
    assert (said["images"], said["matched"], said["found_alike"], said["mark_kappa"]) == (2, 2, 1, 0)
    assert said["mean_overlap"] == pytest.approx(0.5, abs=0.01)
    assert len(disagreements(found, grades=(), least_overlap=0.8)) == 2


@pytest.mark.parametrize(
    ("one", "other", "grades", "same"),
    [
        ((8,), (9,), tuple(range(1, 11)), True),
        ((7,), (9,), tuple(range(1, 11)), False),
        ((1,), (2,), (), False),
        (None, (), (), True),
        (None, (1,), (), False),
    ],
)
def test_grades_may_differ_by_one_and_labels_may_not(one: Any, other: Any, grades: Any, same: bool) -> None:
    found = compare(document(labels=one), document(labels=other), **SIZE)
    assert (disagreements(found, grades=grades, least_overlap=0.8) == []) is same


async def test_readings_are_compared_with_each_other_and_people_pair_by_pair(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(png(size=(200, 250)))
        (image,) = one.studio.drafts.images("cards")
        await log_in(one, "ada")
        await edited(one, put("a", *CARD))
        await edited(one, DONE)
        for name, right in (("bob", 170), ("cleo", 120), ("dan", 170)):
            await log_in(one, name)
            await edited(one, put(name, 20, 20, right, 20, right, 230, 20, 230), own=True)
            if name != "dan":  # who is not done is compared with nobody's
                await edited(one, DONE, own=True)
        said = (await one.http.get(f"/api/datasets/cards/images/{image.image_id}/agreement")).json()
        [between] = said["between"]
        assert (between["annotators"], "0.67" in between["reasons"][0]) == (["bob", "cleo"], True)
        listed = (await one.http.get("/api/datasets/cards/agreement")).json()
        overlaps = {tuple(each["annotators"]): each["mean_overlap"] for each in listed["pairs"]}
        assert overlaps == {
            ("ada", "bob"): pytest.approx(1), ("ada", "cleo"): pytest.approx(2 / 3, abs=0.01),
            ("bob", "cleo"): pytest.approx(2 / 3, abs=0.01),
        }  # fmt: skip


async def log_in(one: Browser, name: str) -> None:
    token = one.studio.sessions.make_login_token(name=name, role=Role.ANNOTATOR)
    assert (await one.http.post("/api/login", json={"token": token})).status_code == 200


async def edited(one: Browser, *operations: dict[str, Any], own: bool = False) -> None:
    (image,) = one.studio.drafts.images("cards")
    address, query = f"/api/datasets/cards/images/{image.image_id}", {"own": "yes"} if own else {}
    base = (await one.http.get(f"{address}/document", params=query)).json()["revision"]
    body = {"base": base, "batch_id": f"b{base}", "ops": list(operations)}
    answer = await one.http.post(f"{address}/operations", params=query, json=body)
    assert answer.status_code == 200, answer.text


def put(name: str, *points_of: float) -> dict[str, Any]:
    return {"op": "put", "shape": {"id": name, "kind": "quad", "label": 1, "points": list(points_of)}}


DONE = {"op": "review", "state": "done"}


async def test_two_people_who_say_something_else_make_a_dispute_that_a_reviewer_ends(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(png(size=(200, 250)))
        (image,) = one.studio.drafts.images("cards")
        address = f"/api/datasets/cards/images/{image.image_id}"
        await log_in(one, "ada")
        await edited(one, put("a", *CARD))
        await edited(one, DONE)
        await log_in(one, "bob")
        # Bob sees nothing of hers; what he draws is in no shared document.
        opening = (await one.http.get(f"{address}/opening", params={"own": "yes"})).json()
        assert (opening["revision"], opening["document"]["shapes"]) == (0, [])
        await edited(one, put("b", 20, 20, 120, 20, 120, 230, 20, 230), own=True)
        findings = (await one.http.post(f"{address}/findings", params={"own": "yes"}, json={"touched": None})).json()
        assert "b" in {each["shape"] for each in findings["findings"]}
        assert (await one.http.get(f"{address}/agreement")).json()["review"] == "done"
        assert (await one.http.get("/api/datasets/cards/agreement")).json()["images"] == []  # he is not done
        await edited(one, DONE, own=True)
        said = (await one.http.get(f"{address}/agreement")).json()
        assert (said["review"], said["authors"]) == ("disputed", ["ada"])
        (row,) = said["readings"]
        assert (row["annotator"], row["is_own"], row["found"]["matched"]) == ("bob", True, 1)
        assert "overlap by 0.67" in row["reasons"][0]
        listed = (await one.http.get("/api/datasets/cards/agreement")).json()
        assert (listed["summary"]["disputed"], listed["images"][0]["path"]) == (1, "a.png")

        # The reviewer takes his, and says so: that stays, whatever comes after.
        theirs = (await one.http.get(f"{address}/reading", params={"annotator": "bob"})).json()["document"]
        await edited(
            one, {"op": "put", "shape": {**theirs["shapes"][0], "id": "a"}}, {"op": "review", "state": "reviewed"}
        )
        await edited(one, put("c", 1, 1, 9, 1, 9, 9, 1, 9), own=True)
        await edited(one, DONE, own=True)
        said = (await one.http.get(f"{address}/agreement")).json()
        assert (said["review"], said["readings"][0]["found"]["alone"]) == ("reviewed", [[], ["c"]])
        assert (await one.http.get(f"{address}/reading", params={"annotator": "eve"})).status_code == 404


async def test_readings_that_agree_leave_the_image_done_and_repeats_change_nothing(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(png(size=(200, 250)))
        (image,) = one.studio.drafts.images("cards")
        address = f"/api/datasets/cards/images/{image.image_id}"
        await log_in(one, "bob")
        await edited(one, put("b", *CARD), own=True)
        await edited(one, DONE, own=True)
        await log_in(one, "ada")
        await edited(one, put("a", 21, 20, 171, 20, 171, 230, 21, 230))
        await edited(one, DONE)
        assert (await one.http.get(f"{address}/agreement")).json()["review"] == "done"
        body = {"base": 0, "batch_id": "b0", "ops": [put("z", *CARD)]}
        for expected in ((200, 1), (200, 1)):
            answer = await one.http.post(f"{address}/operations", params={"own": "yes"}, json=body)
            assert (answer.status_code, answer.json()["revision"]) == expected
        stale = await one.http.post(f"{address}/operations", params={"own": "yes"}, json={**body, "batch_id": "other"})
        assert (stale.status_code, stale.json()) == (409, {"revision": 1, "missing": None})
        # With the image goes what was said of it.
        assert (await one.http.delete(address)).status_code == 200
        assert (await one.http.get("/api/datasets/cards/agreement")).json()["images"] == []
