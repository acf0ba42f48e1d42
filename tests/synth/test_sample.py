import pytest

from gingham.synth import sample_dataset, sample_tables


def test_the_tables_have_the_requested_size() -> None:
    tables = sample_tables(n_users=8, n_items=5)
    assert tables.transactions.collect().height == 160
    assert tables.users is not None
    assert tables.items is not None
    assert tables.users.collect().height == 8
    assert tables.items.collect().height == 5


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_tables(seed: int) -> None:
    first, second, other = (sample_tables(seed=number).transactions.collect() for number in (seed, seed, seed + 1))
    assert first.equals(second)
    assert not first.equals(other)


def test_the_dataset_has_timestamps_prices_and_features() -> None:
    dataset = sample_dataset()
    assert (dataset.n_users, dataset.n_items, len(dataset.interactions)) == (50, 20, 1000)
    assert dataset.interactions.timestamp is not None
    assert dataset.user_features is not None
    assert dataset.item_features is not None
