"""Texts are read, cleaned and compared alike in training and in serving."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities.text import MODALITY
from thawline.errors import ParamsError, UnreadableFileError
from thawline.params import Params

PARAMS = Params(name="test")


def with_params(**sections: dict[str, object]) -> Params:
    return Params.model_validate({"name": "test", **sections})


def texts(*cells: str | None) -> pd.DataFrame:
    return pd.DataFrame({"text": pd.Series(cells, dtype="str")})


def prepared(text: str, **clean: object) -> str:
    return str(MODALITY.prepare(texts(text), with_params(clean=clean))[0]["text"][0])


def test_a_strangers_file_is_read_by_its_own_column_names(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    path.write_text('id,Body,Topic\n1,"a ""quoted"", two\nline cell",billing\n2,你好世界,  sales \n3,,\n')
    frame = MODALITY.read(path, with_params(ingest={"text_column": "Body", "label_column": "Topic"}))
    assert frame["text"].tolist()[:2] == ['a "quoted", two\nline cell', "你好世界"]
    assert frame["label"].tolist()[:2] == ["billing", "sales"]
    assert frame.iloc[2][["text", "label"]].isna().all()
    assert frame["source"].tolist() == ["tickets.csv"] * 3
    assert frame["source_row"].tolist() == [0, 1, 2]


BAD_COLUMNS = {
    "no label column": ("text,lable\nx,a\n", {}, UnreadableFileError, r"no column 'label' .*did you mean 'lable'"),
    "no text column": ("Text,label\nx,a\n", {}, UnreadableFileError, r"no column 'text' .*'Text', 'label'; set ingest"),
    "nothing near": ("a,b\nx,y\n", {}, UnreadableFileError, r"its columns are 'a', 'b'"),
    "one column for both": ("text,label\nx,a\n", {"label_column": "text"}, ParamsError, "both 'text'"),
}


@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_wrong_columns_are_refused_with_the_nearest_name(tmp_path: Path, name: str) -> None:
    content, ingest, error, message = BAD_COLUMNS[name]
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(error, match=message):
        MODALITY.read(path, with_params(ingest=ingest))


def test_a_text_that_is_a_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": ["a"], "label": "x"}\n')
    with pytest.raises(UnreadableFileError, match="a cell holds a list"):
        MODALITY.read(path, PARAMS)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("cafÃ© donâ€™t", "café don\u2019t"),
        ("a\x00b\x07c", "abc"),
        ("a\ud800b", "a\ufffdb"),
        ("  two\n\n words\t", "two words"),
        ("<p>Hi <b>you</b></p>", "Hi you"),
        ("“curly” ﬁ \uff21", "“curly” ﬁ \uff21"),
        ("नमस्ते مرحبا 你好", "नमस्ते مرحبا 你好"),
    ],
    ids=["mojibake", "control", "surrogate", "whitespace", "html", "style-stays", "scripts"],
)
def test_cleaning_repairs_damage_only(raw: str, clean: str) -> None:
    frame = pd.DataFrame({"text": pd.Series([raw], dtype=object)})
    assert MODALITY.prepare(frame, PARAMS)[0]["text"].tolist() == [clean]


@pytest.mark.parametrize(
    ("rule", "raw"),
    [("fix_encoding", "cafÃ©"), ("strip_html", "<b>x</b>"), ("collapse_whitespace", "a  b")],
)
def test_each_rule_can_be_switched_off(rule: str, raw: str) -> None:
    assert prepared(raw, **{rule: False}) == raw
    assert prepared(raw) != raw


def test_cleaning_counts_changed_texts_by_rule_and_leaves_the_rest() -> None:
    frame = texts("plain", None, "<i>x</i>  y", "0123456789")
    frame["label"] = ["a", "b", "c", "d"]
    result, changed = MODALITY.prepare(frame, with_params(clean={"max_chars": 6}))
    assert changed == {"control_characters": 0, "encoding": 0, "html": 1, "whitespace": 1, "length": 1}
    assert result["text"].isna().tolist() == [False, True, False, False]
    assert result["text"].tolist()[2:] == ["x y", "012345"]
    assert result["label"].tolist() == ["a", "b", "c", "d"]
    assert frame["text"][2] == "<i>x</i>  y"


def test_a_text_is_cleaned_the_same_alone_and_among_others() -> None:
    many = texts("cafÃ©", "<b>x</b>", None, "a  b")
    together = MODALITY.prepare(many, PARAMS)[0]["text"].tolist()
    alone = [MODALITY.prepare(many.iloc[[n]], PARAMS)[0]["text"].tolist()[0] for n in range(4)]
    assert together[:2] == alone[:2]
    assert together[3] == alone[3]


def test_canonical_content_ignores_only_unicode_form_and_outer_space() -> None:
    assert MODALITY.canonical(texts("cafe\u0301 ", None, "A")).tolist() == ["café", "", "A"]


def test_normalised_content_ignores_case_width_and_white_space() -> None:
    assert MODALITY.normalised(texts(" Straße\n \uff21", None)).tolist() == ["strasse a", ""]


LONG = [f"word{n}" for n in range(60)]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (" ".join(LONG), " ".join(["other", *LONG[1:]]), True),
        (" ".join(LONG), " ".join(LONG[:30] + ["other"] * 30), False),
        ("Hello  World", "hello world", True),
        ("hello", "goodbye", False),
        ("!!!", "!!!", True),
        ("!!!", "???", False),
        ("今天天气很好我们一起去公园散步吧大家都来", "今天天气很好我们一起去公园散步吧大家都到", True),
        ("今天天气很好", "明天会下大雨", False),
    ],
)
def test_near_duplicates_share_a_group(first: str, second: str, together: bool) -> None:
    groups = MODALITY.near_duplicate_groups(texts(first, "something else entirely", second), PARAMS)
    assert groups.dtype == np.int64
    assert (groups[0] == groups[2]) == together


def test_an_excerpt_is_one_short_line() -> None:
    assert MODALITY.excerpt(texts("a\nb", "x" * 500, None)).tolist() == ["a b", "x" * 119 + "…", ""]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl", "rows.csv"])
def test_a_number_is_the_same_text_in_training_and_in_prediction(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"text": [17, 2024, 3], "label": ["a", "b", "a"]})
    path = tmp_path / name
    writers = {
        "rows.parquet": lambda: frame.to_parquet(path),
        "rows.jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        "rows.csv": lambda: frame.to_csv(path, index=False),
    }
    writers[name]()
    served = [MODALITY.to_rows(chunk.given, PARAMS) for chunk in MODALITY.stream(path, PARAMS)]
    assert MODALITY.read(path, PARAMS)["text"].tolist() == pd.concat(served)["text"].tolist() == ["17", "2024", "3"]


@pytest.mark.parametrize(
    ("num_words", "num_rows", "chosen"),
    [(5, 50, 64), (60, 50, 96), (700, 50, 512), (700, 4000, 224), (700, 20_000, 128)],
    ids=["short", "longer", "few long", "more long", "many long"],
)
def test_a_new_workspace_sees_nine_texts_of_ten_whole_where_that_is_affordable(
    num_words: int, num_rows: int, chosen: int
) -> None:
    assert MODALITY.sizes is not None
    frame = texts(*[" ".join(["word"] * num_words)] * num_rows, None)
    found, encoder = MODALITY.sizes(frame, PARAMS)
    assert encoder.chosen == {"encoder": "auto"}
    assert "`thawline encoders get mpnet`" in encoder.reason
    assert found.chosen == {"max_tokens": chosen}
    assert f"at most some {num_words * 1.2 + 2:.0f} tokens" in found.reason
    assert ("cut" in found.reason) == (num_words == 700)


def test_marks_and_addresses_count_as_the_tokens_that_they_become() -> None:
    assert MODALITY.sizes is not None
    (plain, _), (marked, _) = (
        MODALITY.sizes(texts(*[" ".join([word] * 60)] * 9), PARAMS) for word in ("see", "<a@b.org>")
    )
    assert marked.chosen["max_tokens"] > 4 * plain.chosen["max_tokens"]
