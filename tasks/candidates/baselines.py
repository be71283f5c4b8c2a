"""What fine-tuning has to beat: baselines of the kind of data, and its own encoder left frozen."""

from collections.abc import Sequence

from tasks import edges
from tasks.candidates.estimators import cross_validate_baseline, fit_baseline, list_baselines
from tasks.candidates.frozen_features import cross_validate_frozen, fit_frozen, frozen_name, has_frozen_features
from tasks.edges import after, noted
from tasks.results.cross_validation import CrossValidation, FinalFit
from thawline.context import Context
from thawline.errors import CandidateError
from thawline.system.console import console


def list_all_baselines(context: Context) -> list[str]:
    """Return the names of all baselines, the simplest first."""
    return [*list_baselines(context), *([frozen_name(context.params)] if has_frozen_features(context.params) else [])]


def cross_validate_any(context: Context, name: str) -> CrossValidation:
    """Fit a baseline in every fold and score the rest."""
    if name == frozen_name(context.params):
        return after(cross_validate_frozen, noted(edges.AUDITED, edges.FROZEN, edges.ROWS))(context)
    return after(cross_validate_baseline, noted(edges.AUDITED, edges.ROWS))(context, name)


def cross_validate_all(context: Context, names: Sequence[str]) -> tuple[list[CrossValidation], dict[str, str]]:
    """Fit some baselines in every fold and score the rest; also return why some are left out, by name.

    Raises:
        CandidateError: None could be fitted.
    """
    fitted, reasons = [], dict[str, str]()
    for name in names:
        try:
            fitted.append(cross_validate_any(context, name))
        except CandidateError as error:
            reasons[name] = str(error)
            console.print(f"  left out: {error}", style="yellow", markup=False, soft_wrap=True)
    if not fitted:
        raise CandidateError(f"no baseline can be fitted on these rows: {'; '.join(reasons.values())}")
    return fitted, reasons


def fit_any(context: Context, scored: CrossValidation) -> FinalFit:
    """Fit a baseline, which the folds have scored, on all of train and save it."""
    if scored.name == frozen_name(context.params):
        return after(fit_frozen, [scored])(context)
    return after(fit_baseline, [scored])(context, scored.name)
