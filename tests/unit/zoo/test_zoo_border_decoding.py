"""What the borders of a card have in common decides where a strip alone leaves two places open. S, K, T, A as there."""

import pytest
import torch
from torch import Tensor
from truscore.zoo.detection.border_lines.decoding import GRAPHICAL, OUTER, apart, in_proportion
from truscore.zoo.detection.border_lines.network import OFFSETS

TILTS = 17


def likely(*places: tuple[int, float]) -> tuple[Tensor, Tensor]:
    """[T, A] and [] log-probabilities: of untilted lines at these offsets, the rest that there is none."""
    share_TA = torch.full((TILTS, OFFSETS), 1e-9)
    for offset, share in places:
        share_TA[TILTS // 2, offset] = share
    return share_TA.log(), torch.tensor(max(1 - sum(share for _, share in places), 1e-9)).log()


def stacked(*each: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return torch.stack([one for one, _ in each]), torch.stack([none for _, none in each])


UNKNOWN = torch.zeros(2, 4)
REACH = 0.16  # at which the least margin is 2.4 offsets


def of_a_card(log_KTA: Tensor, none_K: Tensor) -> tuple[Tensor, Tensor]:
    """The same of the four sides of a card."""
    return log_KTA[None].expand(4, *log_KTA.shape), none_K[None].expand(4, -1)


@pytest.mark.parametrize("margins_24", [UNKNOWN, torch.tensor([[0.1] * 4, [0.01] * 4])], ids=["unknown", "known"])
def test_an_edge_is_taken_outside_of_the_printed_border_though_that_is_the_stronger_line(margins_24: Tensor) -> None:
    log_SKTA, none_SK = of_a_card(*stacked(likely((40, 0.6), (70, 0.3)), likely((40, 0.9))))
    for kind, place in ((OUTER, 70), (GRAPHICAL, 40)):
        log_STA, log_none_S = apart(log_SKTA, none_SK, torch.full((4,), kind), REACH, margins_24)
        assert log_STA.logsumexp(dim=1).argmax(dim=1).tolist() == [place] * 4
        assert torch.allclose(log_STA.exp().sum(dim=(1, 2)) + log_none_S.exp(), torch.ones(4), atol=1e-4)


def test_a_printed_border_is_not_taken_where_the_edge_is() -> None:
    log_SKTA, none_SK = of_a_card(*stacked(likely((60, 0.95)), likely((60, 0.6), (45, 0.35))))
    log_STA, _ = apart(log_SKTA, none_SK, torch.full((4,), GRAPHICAL), REACH, UNKNOWN)
    assert log_STA.logsumexp(dim=1).argmax(dim=1).tolist() == [45] * 4


def test_of_one_kind_alone_nothing_is_changed() -> None:
    log_SKTA, none_SK = of_a_card(*stacked(likely((40, 0.6), (70, 0.3))))
    log_STA, _ = apart(log_SKTA, none_SK, torch.full((4,), OUTER), REACH, torch.full((2, 4), 0.05))
    assert torch.equal(log_STA, log_SKTA[:, 0])


def test_a_line_in_the_print_gives_way_to_a_weaker_one_at_the_usual_margin_of_its_side() -> None:
    """The edge at 80; a plate's upper edge at 30, as far inside of it as only this card's lower margin is; the frame
    at 68, 0.04 of the card's width."""
    log_SKTA, none_SK = of_a_card(*stacked(likely((80, 0.95)), likely((30, 0.7), (68, 0.25))))
    kinds_S = torch.full((4,), GRAPHICAL)
    per_length = (OFFSETS - 1) / (2 * REACH)
    margins_24 = torch.tensor([[12.0, 12.0, 50.0, 12.0], [2.0, 2.0, 2.0, 2.0]]) / per_length
    known, _ = apart(log_SKTA, none_SK, kinds_S, REACH, margins_24)
    assert known.logsumexp(dim=1).argmax(dim=1).tolist() == [68, 68, 30, 68]
    unknown, _ = apart(log_SKTA, none_SK, kinds_S, REACH, UNKNOWN)
    assert unknown.logsumexp(dim=1).argmax(dim=1).tolist() == [30] * 4


def test_a_card_of_other_margins_than_the_training_s_keeps_its_lines() -> None:
    log_SKTA, none_SK = of_a_card(*stacked(likely((80, 0.98)), likely((45, 0.95))))
    margins_24 = torch.tensor([[12.0] * 4, [2.0] * 4]) / ((OFFSETS - 1) / (2 * REACH))
    for kind, place in ((OUTER, 80), (GRAPHICAL, 45)):
        log_STA, log_none_S = apart(log_SKTA, none_SK, torch.full((4,), kind), REACH, margins_24)
        assert log_STA.logsumexp(dim=1).argmax(dim=1).tolist() == [place] * 4
        assert (log_none_S.exp() < 0.5).all()


def test_where_the_other_border_is_not_in_the_strip_a_line_stays_as_likely_as_it_was() -> None:
    log_SKTA, none_SK = of_a_card(*stacked(likely((40, 0.1), (70, 0.6)), likely()))
    before_SA = log_SKTA[:, OUTER].logsumexp(dim=1).exp()
    margins_24 = torch.full((2, 4), 0.05)
    log_STA, _ = apart(log_SKTA, none_SK, torch.full((4,), OUTER), REACH, margins_24)
    assert torch.allclose(log_STA.logsumexp(dim=1).exp(), before_SA, atol=2e-3)


def test_a_side_that_may_be_in_two_places_is_taken_where_the_card_has_its_proportion() -> None:
    """Coarse 480 by 700 pixels, offsets of 4 px: with left and right 10 px further out, 500 by 700 is a card."""
    middle = (OFFSETS - 1) // 2
    sure, open_ = likely((middle, 0.98)), likely((middle + 5, 0.4), (middle - 25, 0.55))
    log_STA, log_none_S = stacked(sure, open_, sure, sure)
    lengths_S, steps_S = torch.tensor([480.0, 700.0, 480.0, 700.0]), torch.full((4,), 4.0)
    # Both middles are half an offset inside of the strip's own: the card is 8 px narrower and lower than said.
    given = in_proportion(log_STA, log_none_S, lengths_S + 8 * 0.5, steps_S, torch.full((4,), OUTER))
    assert int(given[1].logsumexp(dim=0).argmax()) == middle + 5
    of_print = in_proportion(log_STA, log_none_S, lengths_S, steps_S, torch.full((4,), GRAPHICAL))
    assert torch.equal(of_print, log_STA)


def test_a_card_of_another_format_keeps_its_sides() -> None:
    middle = (OFFSETS - 1) // 2
    log_STA, log_none_S = stacked(*[likely((middle, 0.98))] * 4)
    square_S, steps_S = torch.full((4,), 600.0), torch.full((4,), 4.0)
    given = in_proportion(log_STA, log_none_S, square_S, steps_S, torch.full((4,), OUTER))
    assert given.logsumexp(dim=1).argmax(dim=1).tolist() == [middle] * 4
