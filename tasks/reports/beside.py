"""What the runs of challenger and champion differ in, besides what they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from mlflow.exceptions import MlflowException

from tasks.judging.review import Review
from tasks.presenting.epoch_tables import mean_epoch_table
from tasks.reports.epochs import load_mean_epochs
from tasks.reports.run_difference import compare_data, compare_params
from tasks.tracking.runs import Tracking
from thawline.rows.data_versions import Difference


@dataclass(frozen=True)
class Beside:
    """Params and data that differ, and the mean epochs of each run (champion, challenger); remarks say what is lost."""

    params: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    data: Difference | None = None
    epochs: tuple[pd.DataFrame | None, pd.DataFrame | None] = (None, None)
    remarks: Sequence[str] = ()


def gather_beside(tracking: Tracking, run_id: str, review: Review) -> Beside:
    """Return it of the champion that the review's candidate was judged against, and of the run itself."""
    version, context = review.judgement.champion or "", review.context
    own = mean_epoch_table([fold.epochs for fold in review.tuned.folds])
    try:
        made_by = tracking.client.get_model_version(context.params.name, version).run_id
        before = tracking.client.get_run(made_by)
    except MlflowException as error:
        said = f"The run of version {version} can't be read, so what else differs is not known: {error.message}"
        return Beside(epochs=(None, own), remarks=[said])
    before_data = before.data.tags.get("thawline.data_version", "")
    data, remarks = compare_data(context.workspace, context.params, before_data, context.data_version)
    return Beside(
        params=compare_params(before, tracking.client.get_run(run_id)),
        data=data,
        epochs=(load_mean_epochs(tracking, before), own),
        remarks=remarks,
    )
