"""Making probabilities mean what they say: a temperature from the rows that the folds' models had not seen."""

import os
import shutil

import numpy as np
from prefect import task

from modalities.predictor import set_temperature
from tasks.caching import NO_CACHE
from tasks.results import CrossValidation, FinalFit
from tasks.training_set import load_training_set
from thawline.calibration import fit_temperature
from thawline.context import Context


@task(name="calibrate", task_run_name="calibrate {fit.name}", cache_policy=NO_CACHE)
def calibrate(context: Context, fit: FinalFit, approach: CrossValidation) -> FinalFit:
    """Return the fit as it is, or a copy of it with the temperature of its out-of-fold predictions.

    Which class is predicted does not change, so neither do the scores that count classes.
    """
    if context.params.predict.calibration == "none":
        return fit
    data = load_training_set(context)
    unseen = approach.out_of_fold(len(data.labels), len(data.classes))
    rows = ~np.isnan(unseen).any(axis=1)  # rows that were left out of training have no prediction
    temperature = fit_temperature(data.labels[rows], unseen[rows])
    directory = context.workspace.state / "steps" / context.key() / "calibrated" / fit.name
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(fit.model, directory, copy_function=os.link)
    set_temperature(directory, temperature)
    return fit.model_copy(update={"model": directory})
