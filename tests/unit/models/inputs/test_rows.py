import numpy as np
import pytest
import torch

from models.encoders.loading import Encoder
from models.encoders.tokenizing import tokenize, tokenize_with
from models.inputs.rows import bucket_lengths, draw_in_order
from thawline.errors import ParamsError


def test_rows_are_cut_and_padded_only_to_their_bucket(encoder: Encoder):
    rows = tokenize(encoder, ["w1 w2", "w3 " * 50, "w4 " * 9], max_tokens=20, row_ids=["a", "b", "c"])
    assert rows.lengths.tolist() == [4, 20, 11]
    assert rows.padded_lengths.tolist() == [8, 20, 16]
    assert rows.row_ids == ("a", "b", "c")
    batch = rows.batch(np.array([2, 0]))
    assert batch["input_ids"].shape == (2, 16)
    assert batch["attention_mask"].sum(dim=1).tolist() == [11, 4]
    assert (batch["input_ids"][batch["attention_mask"] == 0] == rows.pad_token_id).all()


def test_tokens_equal_the_tokenizers_own_batch(encoder: Encoder):
    texts = ["w1 w2 w3", "w9", "unseen word"]
    expected = encoder.processor(texts, padding=True, return_tensors="pt")
    batch = tokenize(encoder, texts, max_tokens=20).batch(np.arange(3))
    assert torch.equal(batch["input_ids"][:, :5], expected["input_ids"])
    assert torch.equal(batch["attention_mask"][:, :5], expected["attention_mask"])


def test_an_empty_text_has_at_least_one_token(encoder: Encoder):
    assert tokenize(encoder, ["", "w1"], max_tokens=20).lengths.tolist() == [2, 3]

    class Bare:
        pad_token_id, unk_token_id = 1, 0

        def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
            return {"input_ids": [[] for _ in texts]}

    assert tokenize_with(Bare(), [""], max_tokens=20).lengths.tolist() == [1]


def test_no_rows_are_rows_too(encoder: Encoder):
    rows = tokenize(encoder, [], max_tokens=20)
    assert len(rows) == 0
    assert rows.keys == []


def test_keys_are_equal_exactly_where_the_network_sees_the_same(encoder: Encoder):
    rows = tokenize(encoder, ["w1", "w2", "w1", "w3 " * 30], max_tokens=20)
    again = tokenize(encoder, ["w1", "w3 " * 30], max_tokens=20)
    longer = tokenize(encoder, ["w1", "w3 " * 30], max_tokens=24)
    assert rows.keys[0] == rows.keys[2] == again.keys[0] == longer.keys[0]
    assert rows.keys[3] == again.keys[1] != longer.keys[1]
    assert len(set(rows.keys)) == 3


def test_padding_is_at_most_an_eighth_or_seven():
    lengths = np.arange(1, 9000)
    padding = bucket_lengths(lengths) - lengths
    assert padding.min() == 0
    assert (padding <= np.maximum(lengths / 8, 7)).all()


def test_more_tokens_than_positions_are_refused(encoders: dict[str, Encoder]):
    with pytest.raises(
        ParamsError, match=r"model.max_tokens \(65\) is more than the 64 positions of encoder 'roberta'"
    ):
        tokenize(encoders["roberta"], ["w1"], max_tokens=65)
    assert len(tokenize(encoders["modernbert"], ["w1 " * 100], max_tokens=100).token_ids) == 100


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "deberta-v2", "mpnet"])
def test_all_positions_can_be_used(encoders: dict[str, Encoder], name: str):
    limit = {"bert": 65, "roberta": 64, "distilbert": 66, "deberta-v2": 66, "mpnet": 64}[name]
    rows = tokenize(encoders[name], ["w1 " * 100], max_tokens=limit)
    assert encoders[name].network(**rows.batch(np.array([0]))).last_hidden_state.isfinite().all()


def test_ids_must_be_as_many_as_texts(encoder: Encoder):
    with pytest.raises(ValueError, match="1 row ids for 2 texts"):
        tokenize(encoder, ["w1", "w2"], max_tokens=20, row_ids=["a"])


def test_of_many_rows_some_are_drawn_in_order_and_of_few_all() -> None:
    rows = np.arange(5, 30)
    chosen = draw_in_order(rows, 10, np.random.default_rng(1))
    assert len(chosen) == 10
    assert set(chosen) <= set(rows)
    assert (np.diff(chosen) > 0).all()
    assert draw_in_order(rows[:10], 10, np.random.default_rng(1)).tolist() == rows[:10].tolist()
