"""Wiring of the command line."""

import sys
from functools import partial
from pathlib import Path

import typer

from services.cli.commands.datasets import (
    augment,
    convert,
    normals,
    refine_labels,
    split,
    suspects,
    synth,
    validate,
    versions,
    view_pictures,
)
from services.cli.commands.models import catalog, fetch, lineage, predict, promote, suggest, templates, verify
from services.cli.commands.operations import alerts, audit, backup, dead_letters, doctor, experiment, retention, token
from services.cli.commands.runs import compare, control, export, show, submit, watch
from services.cli.commands.searches import search
from services.cli.context import Addresses, CliError, Code, CommandContext
from services.cli.settings import read_settings

HELP = """Train, watch and export TruScore's grading models.

Addresses come from TRUSCORE_… variables, or from .local/stack.env in this folder or one above."""
EPILOG = "Exit codes: " + " · ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in Code)

app = typer.Typer(
    name="truscore",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    submit.submit,
    watch.watch,
    show.runs,
    show.show,
    compare.compare,
    lineage.lineage,
    control.cancel,
    control.pause,
    control.resume,
    export.export,
    fetch.fetch,
    verify.verify,
    predict.predict,
    synth.synth,
    normals.normals,
    view_pictures.view_pictures,
    validate.validate,
    convert.convert,
    convert.diff,
    augment.augment,
    split.split,
    refine_labels.refine_labels,
    suspects.suspects,
    versions.versions,
    catalog.catalog,
    suggest.suggest,
    templates.templates,
    doctor.doctor,
    retention.retention,
):
    app.command()(command)
app.add_typer(search.commands, name="search")
app.add_typer(promote.commands, name="models")
app.add_typer(dead_letters.commands, name="dead")
app.add_typer(audit.commands, name="audit")
app.add_typer(backup.commands, name="backup")
app.add_typer(experiment.commands, name="experiment")
app.add_typer(alerts.commands, name="alerts")
app.add_typer(token.commands, name="token")


@app.callback()
def surroundings(context: typer.Context) -> None:
    context.obj = CommandContext(partial(addresses, Path.cwd()))


def addresses(start: Path) -> Addresses:
    settings, current_token, where = read_settings(start)
    return Addresses(
        amqp_url=settings.amqp_url.get_secret_value(),
        s3_endpoint=settings.s3_endpoint,
        s3_access_key=settings.s3_access_key.get_secret_value(),
        s3_secret_key=settings.s3_secret_key.get_secret_value(),
        bucket=settings.bucket,
        monitor=settings.monitor_address,
        tracker=settings.tracker_address,
        validator=settings.validator_address,
        trainer=settings.trainer_address,
        exporter=settings.exporter_address,
        search=settings.search_address,
        studio=settings.studio_address,
        mlflow_url=settings.mlflow_url,
        where=where,
        trusted_keys=settings.model_trusted_keys,
        token=current_token,
        plaintext_token=settings.grpc_plaintext_tokens,
    )


def main(arguments: list[str] | None = None) -> None:
    """Entry point: failures are words on stderr and an exit code."""
    try:
        code = app(arguments, standalone_mode=True)
    except CliError as error:
        typer.echo(f"truscore: {error}", err=True)
        code = int(error.code)
    sys.exit(code)
