"""Rows whose label is probably wrong, told from probabilities by models that did not see them.

Confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70), as cleanlab has it: from each class at least as many
rows are flagged as the estimated noise says, the least self-confident first. Of cleanlab's rules this one was chosen
on seeds that are not those reported: see docs/decisions.md.
"""

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

RULE = "prune_by_noise_rate"


def find_label_issues(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], classes: list[str]
) -> pd.DataFrame:
    """Return the rows whose label is probably wrong, the worst first.

    Args:
        labels: (N,) given class numbers.
        probabilities: (N, C) each row's class probabilities by a model that did not see it.
        classes: (C,) names.

    Returns:
        `row`, its number from 0; `given` and `suggested` label; `score`, the probability of the given label (0 to 1,
        low is suspicious); `probability`, that of the suggested one.
    """
    from cleanlab.filter import find_label_issues as find

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cleanlab warns of classes that no row is confidently in
        flagged = np.asarray(find(labels, probabilities, filter_by=RULE, n_jobs=1), dtype=bool)
    suggested = probabilities.argmax(axis=1)
    rows = np.flatnonzero(flagged & (suggested != labels))
    given = probabilities[rows, labels[rows]]
    rows = rows[np.argsort(given, kind="stable")]
    names = np.array(classes, dtype=object)
    return pd.DataFrame(
        {
            "row": rows,
            "given": names[labels[rows]],
            "suggested": names[suggested[rows]],
            "score": probabilities[rows, labels[rows]].round(6),
            "probability": probabilities[rows, suggested[rows]].round(6),
        }
    )
