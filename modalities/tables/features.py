"""Prepared rows of tables to the numbers that classifiers take, and the classifiers that are the baselines.

What needs no fitting happens in `to_features`: dates become numbers, missing texts are named. All that is fitted
(imputation, scale, rare categories) lies inside a pipeline of scikit-learn's own classes, so that it is fitted in the
fold's training part and saved without pickle.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.params import Params
from thawline.rows.columns import content_columns

MISSING = "(missing)"
CATEGORIES, NUMBERS = "categories", "numbers"
"""Parts of numbered columns; each name begins with its part and two underscores."""
NUM_QUANTILES = 1000


def to_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Return float64 columns for numbers and object columns for categories.

    A date becomes the day since 1970 (with its fraction), the month (1 to 12), the day of the week (0 is Monday) and
    the hour.
    """
    columns: dict[str, pd.Series] = {}
    for name in content_columns(frame):
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(values):
            moment = values.dt
            days = (values - pd.Timestamp(0)) / pd.Timedelta(days=1)
            parts = {"day": days, "month": moment.month, "weekday": moment.day_of_week, "hour": moment.hour}
            columns |= {f"{name}.{part}": numbers.astype(np.float64) for part, numbers in parts.items()}
        elif pd.api.types.is_numeric_dtype(values):
            columns[name] = values.astype(np.float64)
        else:
            columns[name] = values.fillna(MISSING).astype(object)
    return pd.DataFrame(columns, index=frame.index)


def logistic_regression(params: Params) -> Any:
    """Return logistic regression on imputed, scaled numbers and one column a category."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    regression = LogisticRegression(C=params.baseline.inverse_regularization, max_iter=1000)
    return make_pipeline(_one_hot_and_scaled(params), regression)


def ridge_regression(params: Params) -> Any:
    """Return ridge regression on imputed, scaled numbers and one column a category.

    Where numbers are scaled by rank they stand beside in their own distances, too: a straight line is one in those.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    scaled = (
        [params] if params.features.scale == "standard" else [params, params.with_values("features", scale="standard")]
    )
    return make_pipeline(_one_hot_and_scaled(*scaled), Ridge(alpha=1 / params.baseline.inverse_regularization))


def gradient_boosting(params: Params) -> Any:
    """Return gradient boosting, several times; it takes missing numbers and scales as they are."""
    from modalities.tables.boosting import BaggedBoosting

    return _boosted(BaggedBoosting, params)


def boosted_regression(params: Params) -> Any:
    """Return the same for a number."""
    from modalities.tables.boosting import BaggedRegression

    return _boosted(BaggedRegression, params)


def _boosted(kind: Any, params: Params) -> Any:
    from sklearn.pipeline import make_pipeline

    model = kind(num_trees=params.baseline.num_trees, seed=params.seed, categories=f"{CATEGORIES}__")
    return make_pipeline(_numbered(params), model)


def _one_hot_and_scaled(params: Params, *again: Params) -> Any:
    """Return what spreads categories and scales numbers as `params` say, and once more as each of `again` says."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    categories = OneHotEncoder(
        min_frequency=params.features.min_category_rows,
        max_categories=params.features.max_categories,
        handle_unknown="infrequent_if_exist",
    )
    return make_column_transformer(
        (categories, make_column_selector(dtype_exclude="number")),
        *(
            (make_pipeline(*_impute_and_scale(each)), make_column_selector(dtype_include="number"))
            for each in (params, *again)
        ),
    )


def _numbered(params: Params) -> Any:
    """Return what numbers the categories and passes numbers on, as a frame whose names tell which is which."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.preprocessing import OrdinalEncoder

    categories = OrdinalEncoder(
        min_frequency=params.features.min_category_rows,
        max_categories=params.features.max_categories,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
    )
    columns = ColumnTransformer(
        [
            (CATEGORIES, categories, make_column_selector(dtype_exclude="number")),
            (NUMBERS, "passthrough", make_column_selector(dtype_include="number")),
        ]
    )
    return columns.set_output(transform="pandas")


def standardised(frame: pd.DataFrame, params: Params) -> npt.NDArray[np.float32]:
    """Return features of mean 0 and deviation 1, a column a category; dates are left out: those of new rows are new.

    Columns of categories count by 1 / sqrt(2), so that two rows in different categories are at distance 1.
    """
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    standard = params.features.model_copy(update={"scale": "standard"})
    params = params.model_copy(update={"features": standard})
    timeless = frame[[name for name in frame if not pd.api.types.is_datetime64_any_dtype(frame[name])]]
    features = to_features(timeless)
    categories = OneHotEncoder(
        min_frequency=params.features.min_category_rows,
        max_categories=params.features.max_categories,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    )
    columns = make_column_transformer(
        (
            make_pipeline(categories, FunctionTransformer(lambda found: found / np.sqrt(2))),
            make_column_selector(dtype_exclude="number"),
        ),
        (make_pipeline(*_impute_and_scale(params)), make_column_selector(dtype_include="number")),
        sparse_threshold=0,
    )
    return np.asarray(columns.fit_transform(features), dtype=np.float32)


def _impute_and_scale(params: Params) -> tuple[Any, Any]:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import QuantileTransformer, StandardScaler

    from modalities.nearest_imputer import SampledNearestImputer

    choice = params.features
    if choice.impute == "nearest":
        imputer = SampledNearestImputer(
            n_neighbors=choice.num_neighbours, add_indicator=choice.missing_indicator, keep_empty_features=True
        )
    else:
        strategy = {"median": "median", "mean": "mean", "mode": "most_frequent"}[choice.impute]
        imputer = SimpleImputer(strategy=strategy, add_indicator=choice.missing_indicator, keep_empty_features=True)
    if choice.scale == "standard":
        return imputer, StandardScaler()
    return imputer, QuantileTransformer(
        n_quantiles=NUM_QUANTILES, output_distribution="normal", random_state=params.seed
    )
