"""Which new rows have content that is there already, and under which label it stands there."""

import numpy as np
import pandas as pd


def find_known(new: pd.DataFrame, so_far: pd.DataFrame) -> pd.DataFrame:
    """Look each new row up among the rows so far, by normalised content.

    Args:
        new: Columns `normalised` ('' is nobody's content) and `label`.
        so_far: The same, and `source` and `source_row`.

    Returns:
        With the index of `new`: `known_as`, the label of the first row of the same content, preferably one with the
        same label, missing where there is none; and `known_from`, the file and row of that row, '' where there is none.
    """
    places = np.flatnonzero(so_far["normalised"].isin(set(new["normalised"])).to_numpy(bool))
    asked = so_far.iloc[places]  # few, whatever the rows so far are
    labelled = asked[(asked["normalised"] != "") & asked["label"].notna()]
    columns = ["normalised", "label", "source", "source_row"]
    first = labelled[columns].drop_duplicates(["normalised", "label"])
    place = first["source"].astype(str) + " row " + first["source_row"].astype(str)
    first = first.assign(place=place)[["normalised", "label", "place"]]
    keys = new[["normalised", "label"]].reset_index(drop=True)
    same = keys.merge(first, on=["normalised", "label"], how="left")
    other = keys[["normalised"]].merge(first.drop_duplicates("normalised"), on="normalised", how="left")
    agrees = same["place"].notna()
    return pd.DataFrame(
        {
            "known_as": same["label"].where(agrees, other["label"]).to_numpy(),
            "known_from": same["place"].where(agrees, other["place"]).fillna("").to_numpy(),
        },
        index=new.index,
    ).astype("str")
