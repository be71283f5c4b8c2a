"""The sections of the params that say how data becomes rows: `ingest`, `clean`, `split`, `features`, `versioning`."""

from typing import Literal

from pydantic import Field, field_validator

from thawline.params.section import Section


class Ingest(Section):
    """DVC stage `ingest`: accepted files to rows."""

    label_column: str = Field("label", min_length=1, description="Column that holds the label.")
    text_column: str = Field("text", min_length=1, description="Column that holds the text (modality text).")
    encoding: str = Field("utf-8", description="Encoding of text files, a name that Python knows.")
    image_column: str = Field(
        "path", min_length=1, description="Column of a manifest that holds the images' paths (modality image)."
    )
    columns: dict[str, Literal["numeric", "categorical", "boolean", "date"]] = Field(
        default_factory=dict,
        description="Kinds of columns (modality tabular), by name: numeric, categorical, boolean or date. A column "
        "named here must be in every file; the kinds of others are inferred from all rows.",
    )
    drop_columns: tuple[str, ...] = Field(
        (), description="Columns that are not learned from (modality tabular), such as ids or what tells the label."
    )
    decimal: Literal[".", ","] = Field(".", description="Decimal sign in the numbers of text files.")
    day_first: bool = Field(True, description="In a date such as 03/04/2013 the day comes before the month.")
    max_file_mb: float = Field(
        8000.0,
        gt=0,
        description="Larger files, folders, archives and objects are refused before they are read, and so are those "
        "that unpack to more (MB). Reading one takes a few times its size in memory.",
    )
    max_pixels: int = Field(
        50_000_000,
        ge=1,
        description="Larger images are not decoded (pixels): a small file may unfold to more than the memory holds.",
    )


class Clean(Section):
    """DVC stage `clean`: rows to clean rows, with a ledger of every change and drop."""

    fix_encoding: bool = Field(True, description="Repair mojibake (text decoded with the wrong encoding) with ftfy.")
    strip_html: bool = Field(True, description="Turn HTML into its visible text.")
    collapse_whitespace: bool = Field(True, description="Collapse runs of white space to one space.")
    max_chars: int = Field(20_000, ge=1, description="Longer texts are cut here (characters).")
    max_image_side: int = Field(
        512, ge=8, le=8192, description="Images with a longer side are made smaller, to this (pixels)."
    )
    drop_duplicates: bool = Field(True, description="Keep one of several rows with the same content and label.")
    conflicting_labels: Literal["refuse", "drop_few", "drop", "majority", "keep"] = Field(
        "refuse",
        description="Rows with the same content under different labels: refuse the data, drop all such rows but refuse "
        "data with more than validation.max_conflicting_share of them (drop_few: what init sets for texts and "
        "images), drop all such rows, keep those of the majority label (none where there is a tie), or keep all (what "
        "init sets for tables, where two cases may be alike and end differently).",
    )


class Split(Section):
    """DVC stage `split`: clean rows to train and test, and folds within train."""

    test_share: float = Field(0.2, gt=0, lt=0.9, description="Share of new rows that go to the test set (0 to 0.9).")
    num_folds: int = Field(5, ge=2, le=50, description="Cross-validation folds within train.")
    near_duplicate_similarity: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Jaccard similarity of word shingles from which two texts share a group (0 to 1).",
    )
    max_pixel_difference: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="Root mean square difference of two images' thumbnails up to which they share a group (0 to 1).",
    )
    group_column: str | None = Field(
        None,
        min_length=1,
        description="Column that says whose a row is: a customer, a patient, a thread. Its rows are never parted "
        "between train and test, nor between folds, and new rows follow those that are known. It is not learned from. "
        "A row without a value is alone.",
    )
    time_column: str | None = Field(
        None,
        min_length=1,
        description="Column of dates by which rows are parted: the latest share of the new rows goes to the test set, "
        "and each fold is learned from earlier rows than it is scored on. It is not learned from.",
    )
    seed: int = Field(0, ge=0, description="Seed of the assignment of new rows.")


class Features(Section):
    """Cells of tables to numbers; everything here is fitted in the fold's training part."""

    impute: Literal["median", "mean", "mode", "nearest"] = Field(
        "median",
        description="What stands for a missing number; 'nearest' takes the mean of the nearest of 5,000 training rows.",
    )
    num_neighbours: int = Field(5, ge=1, le=100, description="Rows that 'nearest' takes the mean of (rows).")
    missing_indicator: bool = Field(True, description="Add a column that says where a number was missing.")
    scale: Literal["standard", "quantile"] = Field(
        "standard", description="Numbers to mean 0 and deviation 1, or by rank to a normal distribution."
    )
    min_category_rows: int = Field(10, ge=1, description="Rarer categories are taken together (rows).")
    max_categories: int = Field(
        100, ge=2, le=255, description="Most categories of a column; the rarer ones are taken together."
    )


class Versioning(Section):
    """Where copies of the data are kept."""

    remote: str | None = Field(
        None,
        description="DVC remote: a directory (relative to the workspace) or s3://BUCKET/PATH. After a run all data is "
        "pushed there, and what is missing here is pulled before one. Credentials come from the environment "
        "(AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and so on). Unset: data stays here.",
    )
    push_failure: Literal["warn", "fail"] = Field(
        "warn", description="A push that fails after three tries: warn, or fail the run (its results are kept)."
    )
    commit: bool = Field(
        False,
        description="Commit what says which data there is to the git repository around the workspace, when files have "
        "arrived and when a run's rows are made: *.dvc, dvc.lock, dvc.yaml and the ledgers in data/, nothing else.",
    )

    @field_validator("remote")
    @classmethod
    def _has_a_known_form(cls, value: str | None) -> str | None:
        scheme, mark, rest = (value or "").partition("://")
        if mark and "@" in rest.partition("/")[0]:
            raise ValueError("holds a name or password; leave them out: credentials come from the environment")
        if mark and scheme != "s3":
            raise ValueError(f"{scheme}:// is not supported; name a directory or s3://BUCKET/PATH")
        if value is not None and not (rest if mark else value).strip():
            raise ValueError("is empty; name a directory or s3://BUCKET/PATH, or leave it unset")
        return value
