"""A row's id depends on its content and on nothing else."""

import hashlib

import pandas as pd

from thawline.rows.row_ids import row_ids


def test_an_id_is_the_beginning_of_the_sha256_of_the_content() -> None:
    assert row_ids(pd.Series(["héllo"]))[0] == hashlib.sha256("héllo".encode()).hexdigest()[:16]


def test_equal_content_has_one_id_and_order_does_not_matter() -> None:
    ids = row_ids(pd.Series(["a", "b", "a"], index=[7, 8, 9]))
    assert ids.tolist() == [ids[7], ids[8], ids[7]]
    assert ids[7] != ids[8]
