"""Folders of splits and dates are no labels; where two levels could be labels, the user is asked."""

import pytest

from modalities.images.labels import labels_of
from thawline.errors import UnreadableFileError


def read(*paths: str) -> tuple[list[str | None], list[str]]:
    return labels_of([tuple(path.split("/")) if path else () for path in paths], source="pictures")


CLEAR = {
    "labels at the top": (["cat", "cat", "dog"], ["cat", "cat", "dog"], ""),
    "below one folder": (["pets/cat", "pets/dog"], ["cat", "dog"], ""),
    "below two folders": (["zip/pets/cat", "zip/pets/dog"], ["cat", "dog"], ""),
    "below splits": (["train/cat", "train/dog", "test/cat"], ["cat", "dog", "cat"], "test, train are splits"),
    "below other splits": (["Training Set/cat", "VALID/dog"], ["cat", "dog"], "are splits"),
    "splits below": (["cat/train", "cat/val", "dog/train"], ["cat", "cat", "dog"], "train, val are splits"),
    "splits below a folder": (["d/train/cat", "d/test/dog"], ["cat", "dog"], "are splits"),
    "below years": (["2023/cat", "2024/cat", "2024/dog"], ["cat", "cat", "dog"], "2023, 2024 are dates"),
    "years below": (["cat/2023-01", "cat/2024-02", "dog/2023-01"], ["cat", "cat", "dog"], "are dates"),
    "splits and years": (["train/2023/cat", "test/2024/dog"], ["cat", "dog"], "are splits"),
    "decades learned": (["1980", "1990", "1990"], ["1980", "1990", "1990"], ""),
    "digits": (["0", "1", "9"], ["0", "1", "9"], ""),
    "a vehicle": (["train", "car", "plane"], ["train", "car", "plane"], ""),
    "breeds below": (
        ["cat/siamese", "cat/persian", "dog/poodle"],
        ["cat", "cat", "dog"],
        "count as part of their label",
    ),
    "one label, one year": (["cat/2023"], ["cat"], ""),
    "one label of a split": (["train/cat"], ["cat"], ""),
    "beside the labels": (["cat", "", "dog"], ["cat", None, "dog"], ""),
    "an unlabelled split": (["train/cat", "train/dog", "test"], ["cat", "dog", None], "are splits"),
    "no folders": (["", ""], [None, None], ""),
}


@pytest.mark.parametrize("name", CLEAR)
def test_the_label_is_told_from_splits_dates_and_what_all_share(name: str) -> None:
    paths, labels, remark = CLEAR[name]
    found, remarks = read(*paths)
    assert found == labels
    assert remark in "; ".join(remarks)
    assert bool(remark) == bool(remarks)


UNCLEAR = {
    "cameras above": (["cam1/cat", "cam1/dog", "cam2/cat"], r"labels cam1, cam2, or cat, dog below\? cat come again"),
    "cameras below": (["cat/cam1", "cat/cam2", "dog/cam1"], r"labels cat, dog, or cam1, cam2 below\?"),
    "a split beside another name": (["train/cat", "extra/dog"], "train are names of splits"),
    "splits of one's own name": (["seg_train/sea", "seg_test/sea"], "manifest"),
    "only splits": (["train", "test"], "names of splits, not of labels; put each label's images"),
    "only splits in splits": (["train/train", "test/test"], "names of splits"),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_two_levels_that_could_be_labels_are_refused_with_the_remedy(name: str) -> None:
    paths, told = UNCLEAR[name]
    with pytest.raises(UnreadableFileError, match=told):
        read(*paths)
