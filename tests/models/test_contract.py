import pytest

from gingham.models import (
    ALS,
    EASE,
    BasketRegression,
    Blend,
    BuyAgain,
    ContentBased,
    GraphFilter,
    HybridMF,
    ItemKNN,
    NextBasket,
    Popularity,
    Transitions,
)
from gingham.ranking import CandidateSource, LightGBMRanker, TwoStage
from tests.contract import Case, Contract, MatrixContract

MIXED = [NextBasket(), CandidateSource(HybridMF(4, epochs=2, random_state=1), 3), CandidateSource(ItemKNN(5), 0)]
SMALL = LightGBMRanker(n_estimators=9, num_leaves=4, min_child_samples=5)

CASES = [
    Case("Popularity", Popularity),
    Case("Popularity, all time", lambda: Popularity(window=None)),
    Case("Popularity, by segment", lambda: Popularity("9d", by="group"), features=True, timed=True, named=True),
    Case("BuyAgain", BuyAgain),
    Case("BuyAgain, recency", lambda: BuyAgain(recency="9d"), timed=True),
    Case("BuyAgain, cycle", lambda: BuyAgain(recency="9d", cycle=True), timed=True),
    Case("ItemKNN", lambda: ItemKNN(5)),
    Case("ItemKNN, tf-idf", lambda: ItemKNN(5, "tf-idf", half_life="9d"), timed=True),
    Case("ItemKNN, bm25", lambda: ItemKNN(5, "bm25")),
    Case("EASE", lambda: EASE(l2=5)),
    Case("EASE, neighbours", lambda: EASE(l2=5, max_items=6)),
    Case("Blend", lambda: Blend([EASE(l2=5), Popularity(), ALS(4, epochs=2, random_state=1)], [2, 1, 0])),
    Case("Blend, chosen weights", lambda: Blend([BuyAgain(), EASE(l2=5)]), timed=True, named=True),
    Case("NextBasket", lambda: NextBasket("30d"), timed=True),
    Case("NextBasket, neighbours", lambda: NextBasket(smoothing=3, n_neighbours=4)),
    Case("Transitions", Transitions, timed=True, ordered=True),
    Case("BasketRegression", BasketRegression, timed=True, ordered=True),
    Case("BasketRegression, part", lambda: BasketRegression(max_items=8), timed=True, ordered=True),
    Case("ContentBased", ContentBased, features=True, named=True),
    Case("ContentBased, half-life", lambda: ContentBased(5, "9d"), features=True, timed=True, named=True),
    Case("GraphFilter", lambda: GraphFilter(8)),
    Case("GraphFilter, sharpened", lambda: GraphFilter(8, sharpening=2.0, user_exponent=0.25)),
    # The defaults of these parameters differ between a dataset with repeats and its matrix.
    Case("ALS", lambda: ALS(8, 0.2, 0.01, epochs=3, weighted=True, random_state=1)),
    Case("ALS, blocks", lambda: ALS(40, 0.2, 0.01, block_size=16, epochs=3, weighted=False, random_state=2)),
    Case("ALS, features", lambda: ALS(5, 0.2, 0.01, epochs=3, weighted=False, random_state=3), features=True),
    Case("HybridMF", lambda: HybridMF(epochs=3, random_state=1)),
    Case("HybridMF, bpr", lambda: HybridMF(8, "bpr", "adadelta", epochs=20, random_state=2), draws_negatives=True),
    Case("HybridMF, warp-kos", lambda: HybridMF(15, "warp-kos", epochs=3, random_state=3)),
    Case("HybridMF, logistic", lambda: HybridMF(16, "logistic", epochs=3, random_state=4), draws_negatives=True),
    Case("HybridMF, features", lambda: HybridMF(5, epochs=3, random_state=5), features=True),
    Case(
        "HybridMF, logistic, features",
        lambda: HybridMF(7, "logistic", epochs=3, random_state=6),
        features=True,
        draws_negatives=True,
    ),
    Case("TwoStage", lambda: TwoStage([NextBasket("30d"), Popularity()], SMALL, 4, random_state=7), timed=True),
    Case("TwoStage, mixed", lambda: TwoStage(MIXED, SMALL, 6, "5d", 3, random_state=8), timed=True),
    Case("TwoStage, no time", lambda: TwoStage([NextBasket(), Popularity()], n_candidates=5)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestEveryModel(Contract):
    pass


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.named and not case.ordered], ids=lambda case: case.name
)
class TestEveryModelOfMatrices(MatrixContract):
    pass
