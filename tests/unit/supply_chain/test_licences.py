"""Licences of packages: what the list permits, and what the check finds amiss."""

import pytest

from deploy.supply_chain import licences
from deploy.supply_chain.licences import Policy, findings, permits

ALLOWED = frozenset({"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"})
POLICY = Policy(allowed=ALLOWED, spellings={}, read_in_files={}, exceptions={"nvidia-*": "their terms allow it"})


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("(GPL-3.0-only OR MIT) AND Apache-2.0 WITH LLVM-exception", True),
        ("Apache-2.0 WITH GCC-exception-3.1", False),
        ("a licence nobody knows", False),
        ("not stated", False),
    ],
)
def test_an_expression_is_permitted_where_all_of_an_and_and_one_of_an_or_are(expression: str, permitted: bool) -> None:
    assert permits(expression, ALLOWED) is permitted


@pytest.mark.parametrize(
    ("lock", "record", "installed", "said"),
    [
        ({"a", "b"}, {"a": "MIT"}, {}, "b: locked, and its licence is not recorded"),
        ({"a"}, {"a": "MIT", "b": "MIT"}, {}, "b: recorded, and not locked any more"),
        ({"a"}, {"a": "MIT"}, {"a": "GPL-3.0-only"}, "a: recorded as MIT, and what is installed declares GPL-3.0-only"),
        ({"a"}, {"a": "GPL-3.0-only"}, {"a": "GPL-3.0-only"}, "a: GPL-3.0-only is not on the list"),
        ({"nvidia-x"}, {"nvidia-x": "AGPL-3.0-only"}, {}, "nvidia-x: AGPL-3.0-only is forbidden, and no exception"),
    ],
)
def test_what_is_amiss_is_said_with_the_package(
    lock: set[str], record: dict[str, str], installed: dict[str, str], said: str
) -> None:
    record = {"nvidia-cublas": "LicenseRef-NVIDIA-Proprietary", **record}
    [finding] = findings(frozenset({"nvidia-cublas", *lock}), record, installed, POLICY)
    assert finding.startswith(said)


def test_an_exception_that_covers_nothing_is_to_be_removed() -> None:
    assert list(findings(frozenset({"a"}), {"a": "MIT"}, {}, POLICY)) == [
        "exception nvidia-*: covers no package; remove it"
    ]


def test_every_locked_package_is_on_record_and_permitted() -> None:
    policy = licences.policy_in()
    lock = licences.locked((licences.REPOSITORY / "requirements.lock").read_text())
    record = licences.recorded(licences.RECORD.read_text())
    assert list(findings(lock, record, licences.declared(policy), policy)) == []


def test_cleanlab_before_the_apache_licence_would_be_found() -> None:
    """Before 2.9 its licence was the AGPL, as its classifiers said."""
    policy = licences.policy_in()
    about = {"classifier": ["License :: OSI Approved :: GNU Affero General Public License v3"]}
    licence = licences.licence_of(about, policy)
    assert licence == "AGPL-3.0-only"
    [finding] = findings(frozenset({"cleanlab"}), {"cleanlab": licence}, {}, Policy(
        allowed=policy.allowed, spellings={}, read_in_files={}, exceptions={"cleanlab": "we would like it so"}
    ))  # fmt: skip
    assert "forbidden" in finding
