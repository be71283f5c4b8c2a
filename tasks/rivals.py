"""What fine-tuning has to beat: the baselines of the kind of data, and its own encoder left frozen."""

from tasks.baseline import cross_validate_baseline, fit_baseline, list_baselines
from tasks.frozen_features import FROZEN, cross_validate_frozen, fit_frozen, has_frozen_features
from tasks.results import CrossValidation, FinalFit
from thawline.context import Context


def list_rivals(context: Context) -> list[str]:
    """Return the names of all rivals, the simplest first."""
    return [*list_baselines(context), *([FROZEN] if has_frozen_features(context) else [])]


def cross_validate_rival(context: Context, name: str) -> CrossValidation:
    """Fit a rival in every fold and score the rest."""
    return cross_validate_frozen(context) if name == FROZEN else cross_validate_baseline(context, name)


def fit_rival(context: Context, name: str) -> FinalFit:
    """Fit a rival on all of train and save it."""
    return fit_frozen(context) if name == FROZEN else fit_baseline(context, name)
