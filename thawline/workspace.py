"""The paths of a workspace, the directory of one classifier, and how it is found."""

from dataclasses import dataclass
from pathlib import Path

from thawline.errors import WorkspaceError

PARAMS_FILE = "params.yaml"
SCHEMA_FILE = ".thawline/params.schema.json"
"""As the first line of params.yaml names it, from where that is."""


@dataclass(frozen=True)
class Workspace:
    """Paths of the workspace at `root`; nothing is created by asking for one."""

    root: Path

    @property
    def params_file(self) -> Path:
        """What the workspace does: typed by `thawline.params.Params`."""
        return self.root / PARAMS_FILE

    @property
    def params_schema(self) -> Path:
        """What params.yaml may hold, for editors; of the version that runs here."""
        return self.root / SCHEMA_FILE

    @property
    def id_file(self) -> Path:
        """What says which workspace this is, wherever it is moved: made by the first run, tracked by git."""
        return self.root / "data" / "workspace_id"

    @property
    def dvc_lock(self) -> Path:
        """Which data and params made which file."""
        return self.root / "dvc.lock"

    @property
    def incoming(self) -> Path:
        """Where files are dropped."""
        return self.root / "data" / "incoming"

    @property
    def raw(self) -> Path:
        """Accepted files, immutable, tracked by DVC."""
        return self.root / "data" / "raw"

    @property
    def quarantine(self) -> Path:
        """Refused and removed files, the reason beside each."""
        return self.root / "data" / "quarantine"

    @property
    def arrivals(self) -> Path:
        """One small file for each content that arrived: what became of it."""
        return self.root / "data" / "arrivals"

    @property
    def versions(self) -> Path:
        """Append-only: one entry for each state of the data that passed its checks, and its rows without content."""
        return self.root / "data" / "versions"

    @property
    def rows(self) -> Path:
        """Output of stage `ingest`: every raw row with its id and source."""
        return self.root / "data" / "interim" / "rows.parquet"

    @property
    def clean_rows(self) -> Path:
        """Output of stage `clean`: the rows that stay."""
        return self.root / "data" / "interim" / "clean.parquet"

    @property
    def dropped_rows(self) -> Path:
        """Output of stage `clean`: the rows that do not stay, with the rule that dropped each."""
        return self.root / "data" / "interim" / "dropped.parquet"

    @property
    def store(self) -> Path:
        """What frozen layers make of rows, kept to be shared."""
        return self.state / "store"

    @property
    def ledger(self) -> Path:
        """Append-only: which row id is train and which is test."""
        return self.root / "data" / "processed" / "ledger.csv"

    @property
    def train_rows(self) -> Path:
        """Output of stage `split`: training rows with group and fold."""
        return self.root / "data" / "processed" / "train.parquet"

    @property
    def test_rows(self) -> Path:
        """Output of stage `split`: test rows, read once by the evaluation."""
        return self.root / "data" / "processed" / "test.parquet"

    @property
    def held_out_rows(self) -> Path:
        """Output of stage `split`: training rows left out as near-duplicates of test rows."""
        return self.root / "data" / "processed" / "held_out.parquet"

    @property
    def reports(self) -> Path:
        """What a person opens."""
        return self.root / "reports"

    @property
    def state(self) -> Path:
        """Local state that git ignores: tracking store, Prefect home, activations, checkpoints."""
        return self.root / ".thawline"

    @property
    def validations(self) -> Path:
        """What each validation of the data found, as Great Expectations stores it."""
        return self.state / "validations"

    @property
    def watch(self) -> Path:
        """What is kept of answers in production, a directory a day, and what was found on them."""
        return self.state / "watch"

    @property
    def steps(self) -> Path:
        """Files of the steps' results, a directory for each piece of work (`Context.directory`)."""
        return self.state / "steps"


def find_workspace(start: Path) -> Workspace:
    """Return the workspace that holds `start`: the nearest directory upwards with a params.yaml.

    Raises:
        WorkspaceError: Neither `start` nor a directory above it is a workspace.
    """
    start = start.expanduser().resolve()
    for directory in (start, *start.parents):
        if (directory / PARAMS_FILE).is_file():
            return Workspace(directory)
    raise WorkspaceError(
        f"{start} is in no workspace: neither it nor a directory above it holds {PARAMS_FILE}; "
        "make one with `thawline init DIR --modality text --data FILE --label COLUMN --text COLUMN`, "
        "or name one with --workspace DIR"
    )
