"""Whether a dataset is fit to train on. Knows rules, thresholds and verdicts; knows nothing of stores or events."""

from truscore.validation.catalogue import BY_ID, CATALOGUE, CATALOGUE_DIGEST
from truscore.validation.measured_images import CacheOptions, measure_images, merge_rows, rows_of, unmeasured
from truscore.validation.order import DatasetOrder, check_order
from truscore.validation.policy.expectations import Expectation, expectation_of
from truscore.validation.policy.policy import Policy
from truscore.validation.policy_files import InvalidPolicy, check_policies, policy_for, policy_from_toml, read_policy
from truscore.validation.report import findings_for_event, report_page, report_to_json
from truscore.validation.rule import Family, Finding, Occurrence, Rule, Severity, finding
from truscore.validation.validate_folder import ValidationCallbacks, validate_folder
from truscore.validation.verdict import Verdict, rejected, rule_counts, validate_dataset

__all__ = [
    "BY_ID",
    "CATALOGUE",
    "CATALOGUE_DIGEST",
    "CacheOptions",
    "DatasetOrder",
    "Expectation",
    "Family",
    "Finding",
    "InvalidPolicy",
    "Occurrence",
    "Policy",
    "Rule",
    "Severity",
    "ValidationCallbacks",
    "Verdict",
    "check_order",
    "check_policies",
    "expectation_of",
    "finding",
    "findings_for_event",
    "measure_images",
    "merge_rows",
    "policy_for",
    "policy_from_toml",
    "read_policy",
    "rejected",
    "report_page",
    "report_to_json",
    "rows_of",
    "rule_counts",
    "unmeasured",
    "validate_dataset",
    "validate_folder",
]
