"""The page itself: the sections in their order, with the numbers of the whole on top."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expectations.report import LeftOut
from tasks.profiling.checks import describe_checks
from tasks.profiling.drift import describe_drift
from tasks.profiling.duplicates import describe_duplicates
from tasks.profiling.history import keep_version, read_versions
from tasks.profiling.map import Vectors, describe_map
from tasks.profiling.missing import describe_missing
from tasks.profiling.outliers import describe_outliers
from tasks.profiling.size import describe_classes, describe_size
from tasks.profiling.subject import TEST, TRAIN, Subject, read_processed_subject, read_raw_subject
from tasks.profiling.vectors import raw_vectors, training_vectors
from thawline.context import Context
from thawline.page.parts import Section, count
from thawline.page.render import Head, render_sections
from thawline.params import Params
from thawline.system.console import progress
from thawline.workspace import Workspace

Versions = Sequence[Mapping[str, Any]]


def make_profile(context: Context, *, is_stored: bool = False) -> str:
    """Return the page about train and test rows, and keep what the next version is compared with.

    Args:
        context: The work.
        is_stored: The training rows have been through the frozen layers.
    """
    subject = read_processed_subject(context.workspace, context.params)
    versions = keep_version(context.workspace, subject, context.data_version)
    previous = versions[1] if len(versions) > 1 else None
    about = f"Version {context.data_version} of the data. The pictures show training rows: the test set stays unseen."
    return _render(
        subject,
        context.workspace,
        about=about,
        versions=versions,
        previous=previous,
        vectors=lambda: training_vectors(context, subject, is_stored=is_stored),
    )


def make_raw_profile(workspace: Workspace, params: Params) -> str:
    """Return the page about raw rows that were refused; no encoder is asked about them."""
    subject = read_raw_subject(workspace, params)
    return _render(
        subject,
        workspace,
        about="The data was refused, so these are the rows of data/raw as they are, none of them test rows yet.",
        versions=(),
        previous=next(iter(read_versions(workspace)), None),
        vectors=lambda: raw_vectors(workspace, subject),
    )


def _render(
    subject: Subject,
    workspace: Workspace,
    *,
    about: str,
    versions: Versions,
    previous: Mapping[str, Any] | None,
    vectors: Callable[[], Vectors | LeftOut],
) -> str:
    suites = ("raw", "processed") if subject.is_split else ("raw",)
    steps: dict[str, Callable[[], Section]] = {
        "size": lambda: describe_size(subject, versions),
        "classes": lambda: describe_classes(subject),
        "missing values": lambda: describe_missing(subject),
        "content": lambda: Section(
            "content", "Content", tuple(subject.modality.overview(subject.seen, subject.params))
        ),
        "duplicates": lambda: describe_duplicates(subject),
        "outliers": lambda: describe_outliers(subject),
        "map": lambda: describe_map(subject, vectors()),
        "drift": lambda: describe_drift(subject, previous),
        "checks": lambda: describe_checks(workspace.reports, suites),
    }
    sections = []
    with progress("profile", len(steps)) as advance:
        for name, step in steps.items():
            advance(name)
            sections.append(step() if len(subject.seen) or name in _NEED_NO_CONTENT else Section(name, name, ()))
    now = datetime.datetime.now().astimezone()
    head = Head(f"Data profile: {subject.params.name}", f"{about} Made {now:%Y-%m-%d %H:%M}.", _facts(subject))
    return render_sections(head, sections)


_NEED_NO_CONTENT = ("size", "missing values", "checks")


def _facts(subject: Subject) -> tuple[tuple[str, str], ...]:
    counts, rows = subject.rows["split"].value_counts(), subject.rows
    num_files = rows["source"].nunique()
    facts = [("rows as they came", f"{len(rows):,}")]
    if subject.is_split:
        facts += [("to train", f"{counts.get(TRAIN, 0):,}"), ("to test", f"{counts.get(TEST, 0):,}")]
    return (*facts, ("classes", f"{len(subject.classes):,}"), (count(num_files, "file").split()[1], f"{num_files:,}"))
