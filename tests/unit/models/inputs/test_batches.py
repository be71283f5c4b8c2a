import numpy as np
import pytest

from models.inputs.batches import balanced_draw, evaluation_batches, training_batches

LENGTHS = np.random.default_rng(0).integers(1, 17, 1000) * 8


@pytest.mark.parametrize("num_rows", [1, 31, 32, 33, 1000])
def test_an_epoch_has_each_row_once_in_batches_of_nearly_one_size(num_rows: int):
    batches = training_batches(LENGTHS, np.arange(num_rows), batch_size=32, seed=(0, 0, 0))
    assert sorted(np.concatenate(batches)) == list(range(num_rows))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= 32
    assert max(sizes) - min(sizes) <= 1


def test_equal_seeds_give_equal_batches_and_each_epoch_others():
    def draw(*seed: int) -> list[list[int]]:
        return [batch.tolist() for batch in training_batches(LENGTHS, np.arange(100), batch_size=8, seed=seed)]

    assert draw(0, 1, 2) == draw(0, 1, 2)
    assert all(draw(*seed) != draw(0, 1, 2) for seed in [(1, 1, 2), (0, 2, 2), (0, 1, 3)])


def test_rows_of_a_batch_are_alike_in_length():
    def padding(batches: list[np.ndarray]) -> float:
        return sum(len(batch) * LENGTHS[batch].max() for batch in batches) / LENGTHS.sum() - 1

    bucketed = padding(training_batches(LENGTHS, np.arange(1000), batch_size=32, seed=(0,)))
    random = padding(training_batches(np.ones_like(LENGTHS), np.arange(1000), batch_size=32, seed=(0,)))
    assert bucketed < 0.06 < 0.5 < random


def test_batches_come_in_random_order_of_length():
    longest = [LENGTHS[batch].max() for batch in training_batches(LENGTHS, np.arange(1000), batch_size=32, seed=(0,))]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_evaluation_goes_by_length():
    batches = evaluation_batches(LENGTHS, np.arange(100), batch_size=32)
    assert [len(batch) for batch in batches] == [25, 25, 25, 25]
    assert LENGTHS[np.concatenate(batches)].tolist() == sorted(LENGTHS[:100].tolist())


def test_no_rows_give_no_batches():
    assert evaluation_batches(LENGTHS, np.arange(0), batch_size=32) == []


def test_a_balanced_draw_has_as_many_rows_of_each_class():
    labels = np.array([0] * 70 + [1] * 20 + [2] * 10)
    rows = np.random.default_rng(0).permutation(100)[:90]
    drawn = balanced_draw(labels, rows, seed=(0, 1))
    assert np.bincount(labels[drawn]).tolist() == [30, 30, 30]
    assert set(drawn) <= set(rows)
    shown = np.bincount(drawn, minlength=100)
    for label, members in ((1, rows[labels[rows] == 1]), (2, rows[labels[rows] == 2])):
        assert shown[members].max() - shown[members].min() <= 1, label
    assert shown[labels == 0].max() == 1


def test_each_epoch_draws_another_part_of_a_frequent_class():
    labels = np.array([0] * 90 + [1] * 10)
    first, second = (set(balanced_draw(labels, np.arange(100), seed=(0, epoch))) for epoch in (0, 1))
    assert first != second
    assert set(balanced_draw(labels, np.arange(100), seed=(0, 0))) == first
