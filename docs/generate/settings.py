"""The page of settings: the variables that services, command line, local stack and tests read, from their modules."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from deploy.local.settings import LocalSettings, SharedData
from docs.generate.tables import table
from services.cli.settings import Settings as CommandLine
from services.dataset_validator.settings import ShardWorkerSettings

HEAD = """# Settings

Every environment variable that something of ours reads. Those marked as required have no default, and without them the
service does not start. Lists are JSON.
"""
OTHERS: dict[str, type[BaseSettings]] = {
    "Workers that measure images for validators (`python -m services.dataset_validator.sharding`)": ShardWorkerSettings,
    "The `truscore` command": CommandLine,
    "The local stack (`make up`, `make demo`, `make test`)": LocalSettings,
    "Tests and measurements on real images": SharedData,
}
SERVICES = (
    "dataset_validator",
    "trainer",
    "monitor",
    "experiment_tracker",
    "exporter",
    "hyperparameter_search",
    "studio",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One environment variable of a service."""

    name: str
    required: bool
    default: str
    meaning: str


def variables(module: str) -> Iterator[Variable]:
    """The variables of a service's package."""
    settings: type[BaseSettings] = importlib.import_module(f"{module}.settings").Settings
    return variables_of(settings)


def variables_of(settings: type[BaseSettings]) -> Iterator[Variable]:
    """One variable for each field."""
    prefix = settings.model_config.get("env_prefix", "")
    for field_name, field in settings.model_fields.items():
        alias = field.validation_alias
        name = alias if isinstance(alias, str) else f"{prefix}{field_name}"
        default = "" if field.default is PydanticUndefined else str(field.default)
        yield Variable(
            name=name.upper(), required=field.is_required(), default=default, meaning=field.description or ""
        )


def page() -> str:
    return "\n".join([HEAD, *_services(), *_others()]) + "\n"


def _services() -> Iterator[str]:
    rows: dict[str, tuple[Variable, list[str]]] = {}
    for package in SERVICES:
        for variable in variables(f"services.{package}"):
            rows.setdefault(variable.name, (variable, []))[1].append(package.replace("_", "-"))
    yield "## Services\n"
    yield from table(
        ("variable", "default", "read by", "meaning"),
        (
            (
                f"`{name}`",
                _default(variable),
                "all services" if len(readers) == len(SERVICES) else ", ".join(readers),
                variable.meaning,
            )
            for name, (variable, readers) in sorted(rows.items())
        ),
    )


def _others() -> Iterator[str]:
    for title, settings in OTHERS.items():
        yield f"\n## {title}\n"
        rows = sorted(variables_of(settings), key=lambda variable: variable.name)
        yield from table(
            ("variable", "default", "meaning"),
            ((f"`{variable.name}`", _default(variable), variable.meaning) for variable in rows),
        )


def _default(variable: Variable) -> str:
    if variable.required:
        return "required"
    return f"`{variable.default}`" if variable.default not in {"", "None"} else "none"
