"""Where the demonstration fails, people see what the services complained of."""

from pathlib import Path

from deploy.local.progress.log_errors import errors_in_logs, last_error

QUIET = '{"level": "info", "event": "serving"}\n'


def test_the_last_warning_or_error_of_each_service_is_shown(tmp_path: Path) -> None:
    (tmp_path / "trainer.log").write_text(QUIET)
    (tmp_path / "exporter.log").write_text(
        QUIET + '{"level": "warning", "event": "old"}\n{"level": "error", "event": "no space left"}\n' + QUIET
    )
    assert errors_in_logs(tmp_path) == ["exporter: error: no space left"]


def test_lines_that_are_no_entries_are_passed_over() -> None:
    assert last_error('Traceback\n[1]\n"warning"\n{"level": "warning", "event": "x"}\nnot json {') == "warning: x"
    assert last_error("") == ""
