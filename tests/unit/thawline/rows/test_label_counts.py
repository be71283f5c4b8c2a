"""Labels are told with their rows, the most frequent first; a long list is cut, its total said."""

from thawline.rows.label_counts import MAX_SHOWN, describe_labels


def test_each_label_is_told_with_its_rows_and_rows_without_one_are_counted() -> None:
    assert describe_labels({"ham": 10, "spam": 1200}, 1213) == "2 labels: spam 1,200, ham 10; 3 rows without a label"
    assert describe_labels({"ham": 10}, 10) == "1 label: ham 10"
    assert describe_labels({}, 2) == "0 labels: none; 2 rows without a label"


def test_a_long_list_is_cut_and_its_rest_summed() -> None:
    told = describe_labels({f"label {number:02d}": 2 for number in range(MAX_SHOWN + 5)}, 2 * MAX_SHOWN + 10)
    assert told.startswith(f"{MAX_SHOWN + 5} labels: label 00 2")
    assert told.endswith("label 19 2, and 5 more with 10 rows together")
