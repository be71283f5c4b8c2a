"""What imputation from the nearest rows promises."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import KNNImputer
from sklearn.pipeline import make_pipeline

from modalities import nearest_imputer
from modalities.estimator_files import load_estimator, save_estimator
from modalities.nearest_imputer import SampledNearestImputer


def table(num_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(num_rows, 3)), columns=list("abc"))
    frame["b"], frame["c"] = frame["a"] * 2, -frame["a"]
    return frame.mask(rng.random(frame.shape) < 0.1)


def test_a_small_table_is_imputed_as_scikit_learn_does() -> None:
    expected = KNNImputer(n_neighbors=3).fit(table(80)).transform(table(40))
    assert np.array_equal(SampledNearestImputer(n_neighbors=3).fit(table(80)).transform(table(40)), expected)


def test_a_large_table_is_imputed_from_a_sample_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nearest_imputer, "MAX_ROWS", 100)
    frame = table(400)
    imputer = SampledNearestImputer(n_neighbors=3).fit(frame)
    assert len(imputer._fit_X) == 100  # scikit-learn's name for what it searches
    found = imputer.transform(frame)
    assert np.isfinite(found).all()
    unknown = (frame["b"].isna() & frame["a"].notna()).to_numpy()
    assert np.corrcoef(found[unknown, 1], 2 * frame["a"][unknown])[0, 1] > 0.8
    assert np.array_equal(SampledNearestImputer(n_neighbors=3).fit(frame).transform(frame), found)
    save_estimator(make_pipeline(imputer), tmp_path / "imputer.skops")
    assert np.array_equal(load_estimator(tmp_path / "imputer.skops").transform(frame), found)
