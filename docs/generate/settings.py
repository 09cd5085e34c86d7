"""The page of settings: the variables each service and the command line read, taken from their settings modules."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

SERVICES = ("dataset_validator", "trainer", "monitor", "experiment_tracker", "exporter")


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One environment variable of a service."""

    name: str
    required: bool
    default: str
    meaning: str


def variables(module: str) -> Iterator[Variable]:
    settings: type[BaseSettings] = importlib.import_module(f"{module}.settings").Settings
    prefix = settings.model_config.get("env_prefix", "")
    for field_name, field in settings.model_fields.items():
        alias = field.validation_alias
        name = alias if isinstance(alias, str) else f"{prefix}{field_name}"
        default = "" if field.default is PydanticUndefined else str(field.default)
        yield Variable(
            name=name.upper(), required=field.is_required(), default=default, meaning=field.description or ""
        )


def page() -> str:
    rows: dict[str, tuple[Variable, list[str]]] = {}
    for package in SERVICES:
        for variable in variables(f"services.{package}"):
            rows.setdefault(variable.name, (variable, []))[1].append(package.replace("_", "-"))
    lines = [
        "# Settings",
        "",
        "Every environment variable that a service reads. Those without a default are required.",
        "",
        "| variable | default | read by | meaning |",
        "|---|---|---|---|",
    ]
    for name, (variable, readers) in sorted(rows.items()):
        default = "required" if variable.required else f"`{variable.default}`"
        who = "all services" if len(readers) == len(SERVICES) else ", ".join(readers)
        lines.append(f"| `{name}` | {default} | {who} | {variable.meaning} |")
    return "\n".join(lines) + "\n"
