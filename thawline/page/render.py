"""Pages out of templates: everything that comes from data is escaped, and all pages share one style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from thawline.page.parts import Section

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Head:
    """The top of the page: what it is about, a few numbers with their names, and what to say where all is well."""

    title: str
    about: str
    facts: tuple[tuple[str, str], ...]
    all_well: str = "Nothing here needs a look before training."


def open_templates(directory: Path) -> Environment:
    """Return the templates of `directory`, which may include `style.css`."""
    loader = FileSystemLoader([directory, TEMPLATES])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def render_sections(head: Head, sections: Sequence[Section]) -> str:
    """Return one self-contained page; what deserves a look is listed before everything else."""
    found = [
        (section.key, panel)
        for tone in ("bad", "warn")
        for section in sections
        for panel in section.panels
        if panel.tone == tone
    ]
    template = open_templates(TEMPLATES).get_template("sections.html.j2")
    return template.render(head=head, sections=[each for each in sections if each.panels], found=found)
