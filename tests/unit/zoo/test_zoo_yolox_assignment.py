"""Which places YOLOX makes answer for which instance."""

import torch
from torch import Tensor
from truscore.zoo.detection.yolox_assignment import Assigned, Places, assign

STRIDE = 8.0


def grid(boxes_P4: Tensor | None = None, *, side: int = 8, classes: int = 2) -> Places:
    """A level of 8 x 8 places; each sees a box of two strides about itself, if a test does not change it."""
    along = (torch.arange(side) + 0.5) * STRIDE
    y_PP, x_PP = torch.meshgrid(along, along, indexing="ij")
    centres_P2 = torch.stack([x_PP, y_PP], dim=-1).reshape(-1, 2)
    return Places(
        centres_P2=centres_P2,
        strides_P=torch.full((side * side,), STRIDE),
        boxes_P4=torch.cat([centres_P2 - STRIDE, centres_P2 + STRIDE], dim=1) if boxes_P4 is None else boxes_P4,
        objectness_P=torch.zeros(side * side),
        logits_PK=torch.zeros(side * side, classes),
    )


def of_instance(assigned: Assigned, instance: int) -> set[int]:
    return set(assigned.chosen_F[assigned.matched_F == instance].tolist())


def test_places_that_answer_lie_in_or_about_the_middle_of_their_instance() -> None:
    places = grid()
    assigned = assign(places, torch.tensor([[8.0, 8.0, 40.0, 40.0]]), torch.tensor([1]))
    away = (places.centres_P2[assigned.chosen_F] - 24.0).abs().amax(dim=1)
    assert len(away)
    assert away.max() < 2.5 * STRIDE


def test_every_instance_has_a_place_and_no_place_has_two() -> None:
    boxes = torch.tensor([[8.0, 8.0, 40.0, 40.0], [10.0, 10.0, 42.0, 42.0], [50.0, 50.0, 52.0, 52.0]])
    assigned = assign(grid(), boxes, torch.tensor([1, 2, 1]))
    assert len(set(assigned.chosen_F.tolist())) == len(assigned.chosen_F)
    assert of_instance(assigned, 2)
    assert of_instance(assigned, 0) | of_instance(assigned, 1)


def test_an_instance_that_is_seen_well_has_as_many_places_as_its_overlaps_add_up_to() -> None:
    target = torch.tensor([[8.0, 8.0, 40.0, 40.0]])
    reported = target.expand(64, 4).clone()
    many = assign(grid(reported), target, torch.tensor([1]))
    assert len(many.chosen_F) == 10
    few = assign(grid(reported * 0 + torch.tensor([0.0, 0.0, 1.0, 1.0])), target, torch.tensor([1]))
    assert len(few.chosen_F) == 1


def test_a_contested_place_goes_to_the_class_it_tells() -> None:
    places = grid()
    places.logits_PK[:, 1] = 4.0
    box = torch.tensor([8.0, 8.0, 40.0, 40.0])
    assigned = assign(places, torch.stack([box, box]), torch.tensor([1, 2]))
    assert of_instance(assigned, 0) == set()
    assert of_instance(assigned, 1)


def test_where_there_is_nothing_no_place_answers() -> None:
    for boxes in (torch.zeros(0, 4), torch.tensor([[500.0, 500.0, 510.0, 510.0]])):
        assigned = assign(grid(), boxes, torch.ones(len(boxes), dtype=torch.int64))
        assert len(assigned.chosen_F) == len(assigned.matched_F) == 0
