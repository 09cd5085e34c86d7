"""What the borders of a card have in common decides where a strip alone leaves two places open. S, K, T, A as there."""

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


def test_an_edge_is_taken_outside_of_the_printed_border_though_that_is_the_stronger_line() -> None:
    log_KTA, none_K = stacked(likely((40, 0.6), (70, 0.3)), likely((40, 0.9)))
    for kind, place in ((OUTER, 70), (GRAPHICAL, 40)):
        log_STA, log_none_S = apart(log_KTA[None], none_K[None], torch.tensor([kind]), margin=2.2)
        assert int(log_STA.logsumexp(dim=1).argmax()) == place
        total = log_STA.exp().sum() + log_none_S.exp()
        assert torch.isclose(total, torch.tensor(1.0), atol=1e-4)


def test_a_printed_border_is_not_taken_where_the_edge_is() -> None:
    log_KTA, none_K = stacked(likely((60, 0.95)), likely((60, 0.6), (45, 0.35)))
    log_STA, _ = apart(log_KTA[None], none_K[None], torch.tensor([GRAPHICAL]), margin=2.2)
    assert int(log_STA.logsumexp(dim=1).argmax()) == 45


def test_of_one_kind_alone_nothing_is_changed() -> None:
    log_KTA, none_K = stacked(likely((40, 0.6), (70, 0.3)))
    log_STA, _ = apart(log_KTA[None], none_K[None], torch.tensor([OUTER]), margin=2.2)
    assert torch.equal(log_STA[0], log_KTA[0])


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
