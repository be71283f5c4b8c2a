"""The labels found in data, and how many rows have each, as a person reads it."""

from collections.abc import Mapping

MAX_SHOWN = 20


def describe_labels(rows_per_label: Mapping[str, int], num_rows: int) -> str:
    """Return the number of labels and the rows of each, the most frequent first; a long list is cut with its total.

    Args:
        rows_per_label: Rows of each label.
        num_rows: All rows; those that no label counts have none.
    """
    ordered = sorted(rows_per_label.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {count:,}" for name, count in ordered[:MAX_SHOWN])
    rest = ordered[MAX_SHOWN:]
    more = f", and {len(rest):,} more with {sum(count for _, count in rest):,} rows together" if rest else ""
    unlabelled = num_rows - sum(rows_per_label.values())
    lacking = f"; {unlabelled:,} rows without a label" if unlabelled else ""
    return f"{len(ordered):,} {'label' if len(ordered) == 1 else 'labels'}: {shown or 'none'}{more}{lacking}"
