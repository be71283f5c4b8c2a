"""The command `thawline params`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, print_json
from thawline.errors import UsageError


def params(
    section: Annotated[str | None, typer.Argument(metavar="[SECTION]", help="Only this section, e.g. train.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe every param: its type, bounds, default and meaning."""
    from flows.terminal.result_tables import print_params
    from thawline.params.reference import list_fields

    fields = [field for field in list_fields() if section is None or field[0].split(".")[0] == section]
    if not fields:
        raise UsageError(f"there is no section {section!r}; `thawline params` lists all")
    print_params(fields)
    if as_json:
        names = ("key", "type", "default", "description")
        print_json({"params": [dict(zip(names, field, strict=True)) for field in fields]})
