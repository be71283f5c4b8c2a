import logging
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import QuantileTransformer
from threadpoolctl import threadpool_info

from thawline.errors import CandidateError
from thawline.system.solvers import solving


def test_what_has_not_converged_is_used_and_told_of_once(caplog: pytest.LogCaptureFixture):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(200, 30)), rng.integers(0, 2, 200)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with solving("one that is stopped"):
                fitted = LogisticRegression(C=1e6, max_iter=2).fit(features, labels)
    assert fitted.predict(features).shape == (200,)
    assert len(caplog.records) == 1
    assert "'one that is stopped' had not converged" in caplog.text


def test_other_warnings_are_passed_on():
    with pytest.warns(UserWarning, match="look here"), solving("a warner"):
        warnings.warn("look here", stacklevel=1)


def test_few_rows_for_the_ranks_of_a_column_warn_nobody():
    rows = np.random.default_rng(0).normal(size=(50, 2))
    with warnings.catch_warnings(record=True) as caught, solving("ranks"):
        QuantileTransformer(n_quantiles=1000).fit(rows)
    assert not caught


def test_blas_has_one_thread_meanwhile():
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with solving("a solver"):
        inside = threads()
    assert inside
    assert set(inside) == {1}
    assert threads() == before


@pytest.mark.parametrize("error", [ValueError("empty vocabulary"), FloatingPointError("underflow")])
def test_rows_that_a_classifier_refuses_are_said_by_its_name(error: Exception):
    with (
        pytest.raises(CandidateError, match=r"tfidf can't be fitted on these rows: (empty|underflow)"),
        solving("tfidf"),
    ):
        raise error
