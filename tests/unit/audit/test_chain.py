"""A chain of audit records: whatever is changed, taken out or put elsewhere is found and named."""

from dataclasses import fields, replace

import pytest
from truscore.audit import AuditRecord, Request, chained, examine, hash_of

REQUEST = Request(
    action="cancel",
    subject="run-1",
    identity="cli",
    requested_by="anna",
    source="truscore/cli",
    requested_at_ns=1_700_000_000_000_000_000,
    event_id="e-1",
    event_type="truscore.events.v1.RunCancel",
    log_offset=7,
    content="{}",
)


def chain_of(count: int) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    for number in range(1, count + 1):
        request = replace(REQUEST, event_id=f"e-{number}", log_offset=number)
        records.append(chained(request, records[-1] if records else None))
    return records


def found(records: list[AuditRecord], head: tuple[int, str] | None = None) -> list[tuple[str, int]]:
    return [(finding.kind, finding.sequence) for finding in examine(records, head=head).findings]


def test_an_unchanged_chain_is_whole_and_its_head_is_the_last_record() -> None:
    records = chain_of(5)
    audit = examine(records, head=(3, records[2].hash))
    assert (audit.count, audit.last, audit.findings) == (5, records[-1], ())


@pytest.mark.parametrize("field", [field.name for field in fields(Request)])
def test_a_change_of_any_field_is_found_in_its_record(field: str) -> None:
    records = chain_of(4)
    changed = replace(records[1].request, **{field: 1 if "log" in field or "_ns" in field else "other"})
    records[1] = replace(records[1], request=changed)
    if field == "log_offset":
        assert changed.log_offset != 2
    assert found(records) == [("changed", 2)]


def test_a_record_written_anew_with_a_hash_of_its_own_breaks_the_link_behind_it() -> None:
    records = chain_of(4)
    forged = replace(records[1].request, requested_by="somebody else")
    records[1] = replace(records[1], request=forged, hash=hash_of(2, forged, records[1].previous_hash))
    assert found(records) == [("unlinked", 3)]


def test_a_record_that_was_taken_out_is_missing_by_its_number() -> None:
    assert found([*chain_of(5)[:2], *chain_of(5)[3:]]) == [("missing", 3)]
    assert found(chain_of(5)[2:]) == [("missing", 1)]


def test_two_records_that_were_swapped_are_out_of_place() -> None:
    one, two, three, four = chain_of(4)
    assert found([one, three, two, four]) == [("misplaced", 2)]


def test_records_that_changed_their_numbers_too_are_both_found() -> None:
    one, two, three, four = chain_of(4)
    assert ("changed", 2) in found([one, replace(three, sequence=2), replace(two, sequence=3), four])
    assert ("changed", 3) in found([one, replace(three, sequence=2), replace(two, sequence=3), four])


def test_an_exact_repeat_is_no_finding_and_another_record_in_the_same_place_is() -> None:
    records = chain_of(3)
    assert found([*records, *records]) == []
    second = chained(replace(REQUEST, requested_by="mallory"), records[0])
    assert ("misplaced", 2) in found([*records, second])


def test_only_a_head_that_was_noted_shows_that_the_end_was_cut_off_or_all_was_written_anew() -> None:
    records = chain_of(4)
    assert found(records[:3]) == []
    assert found(records[:3], head=(4, records[3].hash)) == [("head", 4)]
    anew = [chained(replace(REQUEST, requested_by="mallory"), None)]
    assert found(anew, head=(1, records[0].hash)) == [("head", 1)]


def test_values_do_not_flow_into_each_other() -> None:
    first = hash_of(1, replace(REQUEST, action="ab", subject="c"), "")
    assert first != hash_of(1, replace(REQUEST, action="a", subject="bc"), "")
