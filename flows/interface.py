"""Thawline in Python, as `import thawline` has it: the command line calls the same functions.

    space = thawline.open("spam")
    space.run().verdict

Errors are those of `thawline.errors`. It works in a notebook, whose event loop runs already: nothing here is awaited.
What goes on is told on standard error, as on a terminal.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows import outcome
from flows.outcome import Outcome
from flows.starting.environment import keep_quiet, orchestration_errors, prepare_environment, renew_settings
from flows.starting.temporary_server import start_server
from thawline.errors import ThawlineError, UsageError
from thawline.system.files import explain_storage_error
from thawline.workspace import Workspace, find_workspace

if TYPE_CHECKING:  # each a second of imports
    import pandas as pd

    from models.encoders.precision.small_layers import Precision
    from tasks.upkeep.initialise import Made


@dataclass(frozen=True)
class Space:
    """A workspace, the directory of one classifier. `overrides` are such as 'train.policy=full', for this once."""

    root: Path

    def check(self, path: str | Path | None = None, *overrides: str) -> Outcome:
        """Check the workspace's data, or a file as if it arrived, and write the report into reports/.

        Data that is not fit to learn from has a verdict that says so; a run would refuse it.

        Raises:
            ParamsError: An override breaks its rule.
            UnreadableFileError: The file can't be read.
        """
        with _working(self.root) as place:
            from tasks.checking.validate import validate_arrival, validate_raw
            from tasks.versions.prepare import settle_raw_files
            from thawline.params.file import load_params
            from thawline.system.lock import WAIT_S, lock_workspace

            params = load_params(place, overrides)
            with lock_workspace(place, "data", wait_s=WAIT_S):
                settle_raw_files(place, params)
            if path is None:
                return outcome.of_check(validate_raw(place, params))
            return outcome.of_check(validate_arrival(Path(path), place, params, reports=place.reports))

    def run(self, *overrides: str, fresh: bool = False) -> Outcome:
        """Run the whole line once; the same data, params and code end at the run that was there before, unless fresh.

        Raises:
            ParamsError: An override breaks its rule.
            DataRefusedError: A critical expectation failed; nothing was trained.
            WorkspaceBusyError: Another training works in this workspace.
            ThawlineError: Anything else that stops the line.
        """
        return self._finetune(overrides, fresh=fresh)

    def train_for_dvc(self) -> Outcome:
        """Do as `run`, as DVC's stage `train`: the rows are those that its other stages have made.

        Raises:
            DataRefusedError: A critical expectation failed; nothing was trained.
            WorkspaceBusyError: Another training works in this workspace.
            ThawlineError: Anything else that stops the line.
        """
        return self._finetune((), by_dvc=True)

    def _finetune(self, overrides: Sequence[str], *, fresh: bool = False, by_dvc: bool = False) -> Outcome:
        with _working(self.root, fresh=fresh) as place:
            from thawline.params.file import load_params

            load_params(place, overrides)  # a wrong param is said before anything slow starts
            server = start_server()
            renew_settings()
            from flows.finetune import finetune

            if not place.dvc_lock.exists():  # a first run: what it comes to is imported while the server starts
                import expectations.suites  # noqa: F401
                import flows.judged_training  # noqa: F401
            with orchestration_errors(server):
                return outcome.of_run(finetune(place.root, overrides, fresh=fresh, by_dvc=by_dvc))

    def compare(
        self,
        *overrides: str,
        encoders: Sequence[str] = (),
        formats: "Sequence[Precision]" = (),
        staged: bool = False,
    ) -> Outcome:
        """Compare fine-tuning with what costs less, over data sizes, or encoders; nothing is registered.

        Args:
            overrides: Params such as 'compare.num_seeds=3', for this comparison.
            encoders: Instead of approaches, these are compared with `model.encoder`, each left frozen.
            formats: Likewise formats of `model.frozen_dtype`, each with every encoder.
            staged: Of encoders or formats, also train the best encoder in stages.

        Raises:
            ParamsError: An override breaks its rule.
            DataRefusedError: A critical expectation failed; nothing was trained.
            WorkspaceBusyError: Another training works in this workspace.
            ThawlineError: Anything else that stops the comparison.
        """
        with _working(self.root) as place:
            from targets import require_classes
            from thawline.params.file import load_params

            for each in ((), *([f"model.frozen_dtype={name}"] for name in formats)):
                require_classes(load_params(place, [*overrides, *each]), "`thawline compare`")
            server = start_server()
            renew_settings()
            from flows.compare import compare, compare_encoders

            with orchestration_errors(server):
                if encoders or formats or staged:
                    compared = compare_encoders(place.root, encoders, overrides, formats=formats, staged=staged)
                    return outcome.of_encoders(compared)
                return outcome.of_comparison(compare(place.root, overrides))

    def predict(self, rows: "pd.DataFrame | Sequence[object]", *, alias: str = "champion") -> "pd.DataFrame":
        """Return the rows with `predicted_label`, `probability_CLASS` of each class, `model_version` and `problem`.

        Of a number there are `predicted_value`, `value_low` and `value_high` instead.

        Args:
            rows: A frame with the columns that the model learned from, or bare texts or images.
            alias: Which registered version answers.

        Raises:
            UsageError: No version holds the alias, or the model does not take these rows.
        """
        with _working(self.root) as place:
            from tasks.judging.ownership import open_own
            from tasks.judging.prediction import predict_rows
            from thawline.params.file import load_params

            params = load_params(place)
            return predict_rows(place, open_own(place, params), params, rows, alias=alias)

    def runs(self, limit: int = 20) -> Outcome:
        """Return the runs of the line, newest first, refused and failed ones too."""
        with _working(self.root) as place:
            from tasks.judging.past_runs import list_runs
            from tasks.tracking.runs import open_tracking
            from thawline.params.file import load_params

            return outcome.of_runs(list_runs(open_tracking(place, load_params(place)), limit=limit))

    def champion(self) -> Outcome | None:
        """Return what came of the run that made the champion; None while there is no champion.

        Raises:
            ThawlineError: That run has left no result.
        """
        with _working(self.root) as place:
            from tasks.judging.champion import find_champion
            from tasks.judging.past_runs import load_result
            from tasks.tracking.runs import open_tracking
            from thawline.params.file import load_params

            params = load_params(place)
            tracking = open_tracking(place, params)
            version = find_champion(tracking, params.name)
            if version is None:
                return None
            run_id = tracking.client.get_model_version(params.name, version).run_id
            result = load_result(tracking, tracking.client.get_run(run_id))
            if result is None:
                raise ThawlineError(f"run {run_id}, which made the champion, version {version}, has left no result")
            return outcome.of_run(result)


def open_space(directory: str | Path = ".") -> Space:
    """Return the workspace that holds `directory`: that one, or the nearest above it.

    Raises:
        WorkspaceError: There is none.
    """
    keep_quiet()
    return Space(find_workspace(Path(directory)).root)


def init(
    directory: str | Path,
    data: str | Path,
    *overrides: str,
    modality: str = "text",
    target: str = "classes",
    columns: Mapping[str, str] | None = None,
) -> Space:
    """Make a workspace with `data` as its first arrival, all of it or nothing, and return it.

    Args:
        directory: Where; it need not exist.
        data: The first labelled data: a table, or images as a folder, zip or manifest.
        overrides: Any params of the workspace, such as 'train.policy=full'.
        modality: text, image or tabular.
        target: What the label is: one of several `classes`, or a `number`.
        columns: Which columns hold what: `label_column`, and `text_column` or `image_column`.

    Raises:
        UsageError: A workspace is there already, or files that it would overwrite.
        UnreadableFileError: The data can't be read with these columns.
    """
    made = make_workspace(
        Path(directory), Path(data), modality=modality, target=target, columns=columns or {}, overrides=overrides
    )
    return Space(made.workspace.root)


def make_workspace(
    directory: Path,
    data: Path,
    *,
    modality: str,
    columns: Mapping[str, str],
    overrides: Sequence[str],
    target: str = "classes",
) -> "Made":
    """Make a workspace; see `init`."""
    keep_quiet()
    with _own_errors():
        from tasks.upkeep.initialise import initialise, params_for

        params = params_for(directory, modality=modality, target=target, columns=dict(columns), overrides=overrides)
        return initialise(directory, data, params)


@contextmanager
def _working(root: Path, *, fresh: bool = False) -> Iterator[Workspace]:
    """Set the process's environment for what is done in the workspace."""
    place = Workspace(root)
    if not place.params_file.is_file():
        raise UsageError(f"{root} is no workspace any more: params.yaml is gone; open it where it is now")
    with _own_errors():
        prepare_environment(place, fresh=fresh)
        renew_settings()
        from thawline.params.schema import write_schema

        write_schema(place)
        yield place


@contextmanager
def _own_errors() -> Iterator[None]:
    """Let what is written be its owner's alone, and a full disk be an error of ours."""
    before = os.umask(0o077)
    try:
        yield
    except OSError as error:
        known = explain_storage_error(error)
        if known is None:
            raise
        raise known from error
    finally:
        os.umask(before)
