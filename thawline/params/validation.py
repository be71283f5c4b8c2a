"""The section `validation` of the params: the limit of every expectation, and how severe it is to break one."""

from typing import Any, Literal

from pydantic import Field

from thawline.params.section import Section

Change = Literal["accept", "refuse", "ignore"]


class Extra(Section):
    """An expectation of Great Expectations' own, of another package or of the workspace, beside ours."""

    type: str = Field(
        ...,
        pattern=r"^(\w+\.)*\w+$",
        description="Name of its class: ExpectColumnValuesToMatchRegex or expect_column_values_to_match_regex, one in "
        "the workspace's folder `expectations/`, or package.module.Class.",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="What it is made with; columns under the names that they have in the files."
    )
    severity: Literal["critical", "warning"] = Field("critical", description="What it means that it fails.")
    on: tuple[Literal["raw", "arrival", "processed"], ...] = Field(
        ("raw", "arrival"),
        min_length=1,
        description="What it looks at: 'raw' is all accepted files, 'arrival' a file that arrives, 'processed' train "
        "and test rows.",
    )


class Validation(Section):
    """Limits of the expectations that run before and after preprocessing."""

    engine: Literal["pandas", "spark"] = Field(
        "pandas",
        description="What runs the checks on raw files: pandas, or Spark on this machine's cores, for tables beyond "
        "memory (Parquet, CSV, JSON Lines). Spark takes column kinds from the files; checks it can't run are named.",
    )
    min_rows: int = Field(50, ge=2, description="Fewest rows to learn from (rows); fewer is critical.")
    max_missing_share: float = Field(
        0.05, ge=0, lt=1, description="Largest share of missing values in the label or the content (0 to 1); critical."
    )
    max_empty_share: float = Field(
        0.05, ge=0, lt=1, description="Largest share of texts that are blank after normalisation (0 to 1); critical."
    )
    min_class_share: float = Field(
        0.02, ge=0, le=0.5, description="Smallest share of the rarest class (0 to 0.5); warning."
    )
    max_imbalance_ratio: float = Field(
        20.0, ge=1, description="Largest ratio of the most frequent to the rarest class (times); warning."
    )
    labels: tuple[str, ...] | None = Field(
        None, description="Complete label set; a label outside it is critical. Unset: any label is taken."
    )
    max_conflicting_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Largest share of rows whose content also occurs under another label (0 to 1). Critical while "
        "clean.conflicting_labels is 'drop_few'; 'refuse' allows none, and with the others more is a warning.",
    )
    max_duplicate_share: float = Field(
        0.25, ge=0, le=1, description="Largest share of rows that repeat an earlier row exactly (0 to 1); warning."
    )
    max_known_share: float = Field(
        0.25, ge=0, le=1, description="Largest share of an arrival that is in the data already (0 to 1); warning."
    )
    max_near_duplicate_share: float = Field(
        0.4, ge=0, le=1, description="Largest share of rows that are nearly like an earlier row (0 to 1); warning."
    )
    min_effective_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Smallest effective number of distinct rows, as a share of all rows (0 to 1); warning.",
    )
    embedding: bool = Field(
        True,
        description="Look at a sample of the rows as vectors, too: those of the encoder, or standardised features of a "
        "table. Needs the encoder's weights, and time to run it on rows that the activation store does not hold yet.",
    )
    embedding_rows: int = Field(
        400, ge=20, le=5000, description="Rows of the sample, of new rows and of those so far each (rows)."
    )
    min_vector_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Smallest effective number of distinct vectors in the sample, as a share of its rows or of the "
        "vectors' dimensions, whichever is less (0 to 1); warning.",
    )
    max_irrelevant_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Largest share of an arrival's rows that are farther from the rows so far than 99 % of those are "
        "from each other (0 to 1); warning.",
    )
    max_separability: float = Field(
        0.8,
        ge=0.5,
        le=1,
        description="How well a classifier may tell an arrival's vectors from those so far: area under the ROC curve "
        "(0.5 is guessing, 1 is always right); warning. Texts and images only: tables are compared column by column.",
    )
    max_classes: int = Field(
        1000, ge=2, description="Most different labels (classes); more are critical: a measured number is no class."
    )
    slice_columns: tuple[str, ...] = Field(
        (),
        description="Columns whose values part the rows into slices that are compared with each other. No model learns "
        "from one that is no content: any column beside a text or an image, or a table's in ingest.drop_columns.",
    )
    min_slice_rows: int = Field(
        30, ge=1, description="Fewest rows of a slice (rows); warning. Smaller ones are not compared."
    )
    max_slice_gap: float = Field(
        0.3, ge=0, le=1, description="Largest gap between slices in the share of a class (0 to 1); warning."
    )
    max_drift: float = Field(
        0.25,
        gt=0,
        description="Largest drift of an arrival against the data so far: population stability index of a numeric "
        "column (above 0.25 counts as a shift); warning.",
    )
    max_category_drift: float = Field(
        0.3,
        gt=0,
        le=1,
        description="Largest Jensen-Shannon distance of an arrival from the data so far, for the label and for columns "
        "of categories (0 to 1); warning.",
    )
    new_columns: Change = Field(
        "accept",
        description="A column that no row so far has (modality tabular): accept says so and learns from it, missing in "
        "older rows; refuse makes it critical; ignore says nothing.",
    )
    absent_columns: Change = Field(
        "refuse",
        description="A column of the rows so far that a new file lacks (modality tabular): as new_columns; "
        "accepted, its cells are missing there. One that ingest.columns names must be there.",
    )
    new_classes: Change = Field("accept", description="A label that no row so far has: as new_columns.")
    absent_classes: Change = Field(
        "accept",
        description="A class of which a new file has no row, where so many rows would lack it by chance less than once "
        "in 1,000 times: as new_columns.",
    )
    min_drift_rows: int = Field(50, ge=1, description="Smaller arrivals are not tested for drift (rows).")
    min_chars: int = Field(2, ge=0, description="Shorter texts count as short (characters).")
    max_short_share: float = Field(0.05, ge=0, le=1, description="Largest share of short texts (0 to 1); warning.")
    max_cut_share: float = Field(
        0.05, ge=0, le=1, description="Largest share of texts that clean.max_chars cuts (0 to 1); warning."
    )
    max_foreign_share: float = Field(
        0.05, ge=0, le=1, description="Largest share of texts in another script than most (0 to 1); warning."
    )
    max_damaged_share: float = Field(
        0.02, ge=0, le=1, description="Largest share of texts with characters that were lost (0 to 1); warning."
    )
    max_unreadable_share: float = Field(
        0.0, ge=0, lt=1, description="Largest share of images that can't be decoded (0 to 1); critical."
    )
    min_side: int = Field(8, ge=1, description="Images with a shorter side count as tiny (pixels).")
    max_tiny_share: float = Field(0.0, ge=0, le=1, description="Largest share of tiny images (0 to 1); warning.")
    max_aspect_ratio: float = Field(
        5.0, ge=1, description="Images whose longer side is more times the shorter count as stretched (times)."
    )
    max_stretched_share: float = Field(
        0.05, ge=0, le=1, description="Largest share of stretched images (0 to 1); warning."
    )
    max_mode_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest share of images whose colour mode is another than most images' (0 to 1); warning.",
    )
    max_blank_share: float = Field(
        0.01, ge=0, le=1, description="Largest share of images of a single colour (0 to 1); warning."
    )
    max_missing_cells: float = Field(
        0.5, ge=0, le=1, description="Largest share of missing values in a column of a table (0 to 1); warning."
    )
    max_unreadable_cells: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Largest share of rows with a cell that its column's kind can't hold (0 to 1); critical.",
    )
    max_unusual_cells: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Largest share of rows with an infinite number, or a number or date written differently from the "
        "rest (0 to 1); warning.",
    )
    ranges: dict[str, tuple[float | None, float | None]] = Field(
        default_factory=dict,
        description="Lowest and highest value of numeric columns, by name, null for none; a value outside is critical.",
    )
    categories: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Complete categories of columns, by name; another one is critical."
    )
    max_unseen_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Largest share of rows with a category that training does not know (0 to 1); warning.",
    )
    max_column_score: float = Field(
        0.97,
        gt=0,
        le=1,
        description="A column that predicts the label this well by itself leaks it (0 is guessing, 1 is perfect); "
        "critical.",
    )
    outlier_distance: float = Field(
        10.0,
        gt=0,
        description="A number is an outlier if it lies farther beyond the quartiles (times their distance).",
    )
    max_outlier_share: float = Field(
        0.05, ge=0, le=1, description="Largest share of rows with an outlier (0 to 1); warning."
    )
    extra: tuple[Extra, ...] = Field(
        (),
        description="Expectations beside these, stock ones of Great Expectations or others, each as {type, arguments, "
        "severity, on}: a class by name, what it is made with, 'critical' or 'warning', and which of 'raw', 'arrival' "
        "and 'processed' it looks at (the first two unless said). docs/validation.md has examples.",
    )
