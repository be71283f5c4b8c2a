"""Row identity: the id of a row is the hash of its content, without its label.

So an id survives a new order, a new file name, a relabelling and every change of the cleaning params; and the same
content arriving twice has one id. Splits hang on ids (`thawline/rows/splits.py`).
"""

import hashlib

import pandas as pd

ID_LENGTH = 16


def row_ids(canonical: pd.Series) -> pd.Series:
    """Return the id of each row: the first 16 hex digits of the SHA-256 of its canonical content.

    64 bits: among 30 million rows the chance of one collision is about 1 in 40,000.

    Args:
        canonical: Canonical content as str, one a row, none missing (`Modality.canonical`).
    """
    ids = [hashlib.sha256(content.encode()).hexdigest()[:ID_LENGTH] for content in canonical.tolist()]
    return pd.Series(ids, index=canonical.index, name="row_id", dtype="str")
