"""The verdict as documents: JSON for programs, one page for people. Knows verdicts; nothing of stores or keys."""

from truscore.validation.report.document import ReportSignature, findings_for_event, report_to_json
from truscore.validation.report.page import report_page

__all__ = ["ReportSignature", "findings_for_event", "report_page", "report_to_json"]
