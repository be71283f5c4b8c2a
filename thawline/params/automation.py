"""Sections of the params: how data comes in, what runs by itself and when, what is kept, and who is told."""

import re

from pydantic import Field, field_validator

from thawline.params.section import Section


class Arrive(Section):
    """How data comes in, and when it is trained on."""

    initial: str | None = Field(
        None,
        description="File that becomes the first arrival when data/raw is empty; path relative to the workspace. Named "
        "later, it is not learned from, which a run says.",
    )
    source: str | None = Field(
        None,
        description="Where files arrive beside data/incoming: s3://BUCKET/PREFIX. Each object is fetched once, at "
        "every `schedule.sweep`, and stays there. Credentials come from the environment (AWS_ACCESS_KEY_ID and so on).",
    )
    settle_s: float = Field(
        2.0,
        ge=0,
        le=3600,
        description="A file in data/incoming is taken once it has not changed for so long (seconds) and nobody has it "
        "open for writing. Names that begin with a dot or end in .tmp, .part, .partial, .filepart or .crdownload are "
        "left alone until they are renamed.",
    )
    max_bad_row_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Largest share of an arrival's rows that may go to quarantine by themselves where they break "
        "critical checks, the rest being accepted (0 to 1; files of rows only, not images). 0: the whole file is "
        "refused.",
    )
    min_new_rows: int = Field(
        1, ge=1, description="Rows that must have been accepted since the last training before the next (rows)."
    )
    cool_down_s: float = Field(
        60.0, ge=0, description="Time from the end of one training to the beginning of the next, at least (seconds)."
    )
    train_on_drift: bool = Field(
        True, description="Train on fewer than min_new_rows where an accepted file had drifted from the data so far."
    )

    @field_validator("source")
    @classmethod
    def _is_a_bucket(cls, value: str | None) -> str | None:
        if value is not None and (not value.startswith("s3://") or "@" in value or not value[5:].strip("/")):
            raise ValueError(
                f"{value!r} is no s3://BUCKET/PREFIX; write one, without name and password, or leave it unset"
            )
        return value


class Schedule(Section):
    """What `thawline up` runs by the clock, beside what arrivals set off; times are UTC."""

    sweep: str = Field(
        "*/10 * * * *",
        description="Cron: take what the watcher missed, and train on what had to wait for its cool-down.",
    )
    train: str | None = Field(
        None, description="Cron: train whatever has arrived, however little. Unset: only when arrivals ask for it."
    )
    clean: str | None = Field(
        "0 4 * * *", description="Cron: remove what can be computed again, as the section `keep` says. Unset: never."
    )
    score: str | None = Field(None, description="Cron: predict the rows of score_input with the champion.")
    score_input: str | None = Field(
        None, description="Rows to predict: a file or directory, path relative to the workspace."
    )
    score_output: str = Field(
        "reports/predictions.csv",
        description="Where predictions go (.csv, .jsonl or .parquet), path relative to the workspace.",
    )

    watch: str = Field(
        "20 0 * * *", description="Cron: judge what the champion answered, where watch.sample lets it be kept."
    )

    @field_validator("sweep", "train", "clean", "score", "watch")
    @classmethod
    def _has_five_fields(cls, value: str | None) -> str | None:
        if value is not None and len(value.split()) != 5:
            raise ValueError(f"{value!r} is no cron line; write five fields such as '0 3 * * *' (at 3:00 every day)")
        return value


class Keep(Section):
    """What `thawline prune` leaves. Data, its versions, quarantine and registered models' runs it never touches."""

    unused_days: float = Field(
        30.0, ge=0, description="What can be computed again and was not used for so long goes (days)."
    )
    max_gb: float | None = Field(
        None,
        ge=0,
        description="Of what can be computed again, what is unused the longest goes until the rest takes no more (GB). "
        "Unset: only age counts.",
    )
    run_days: float | None = Field(
        None,
        ge=0,
        description="MLflow runs that ended so long ago (days) and that no registered model hangs on go, with their "
        "children and artifacts. Unset: all runs stay.",
    )
    report_days: float | None = Field(
        365.0,
        ge=0,
        description="Reports of accepted files (`reports/arrivals`) that are so old go (days); the records of what "
        "arrived stay, and so do the reports of refused files. Unset: all stay.",
    )
    validations: int = Field(
        50,
        ge=1,
        description="Validations of each suite that stay in the history, Data Docs and the page of trends, the newest; "
        "each new one takes the place of the oldest.",
    )


class Watch(Section):
    """What is kept of a model's answers in production, for `thawline watch` to tell whether they are still good."""

    sample: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the rows answered by `thawline predict`, `schedule.score` and `Space.predict` of which "
        "answer, confidence, measures and the encoder's vector are kept, drawn at random (0 to 1). 0: nothing is kept.",
    )
    max_per_hour: int = Field(500, ge=1, description="Rows kept in an hour, at most; drawn from all of a call (rows).")
    max_per_day: int = Field(2000, ge=1, description="Rows kept on a day (UTC), at most (rows).")
    keep_days: int = Field(90, ge=1, description="What was kept goes after so long (days).")
    max_mb: float = Field(500.0, gt=0, description="All that is kept takes no more; the oldest goes first (MB).")
    keep_inputs: bool = Field(
        False, description="Also keep the texts, images or cells themselves, such as for `thawline suggest`."
    )


class Notify(Section):
    """Who is told of refused data, failed flows, refused, promoted and drifting models, while `thawline up` runs."""

    blocks: tuple[str, ...] = Field(
        (),
        description="Notification blocks on the Prefect server, as TYPE/NAME such as slack-webhook/team; their "
        "addresses and passwords stay there. Told beside them: the apprise addresses, with white space between, in the "
        "environment variable THAWLINE_NOTIFY.",
    )

    @field_validator("blocks")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name):
                raise ValueError("holds what is no TYPE/NAME of a block; addresses belong into THAWLINE_NOTIFY")
        return value
