"""What every model must do: a test class that inherits `Contract` runs it for each `Case` named ``case``."""

import pytest

for part in ("explaining", "fitting", "matrices", "positives", "ranking", "recommending"):
    pytest.register_assert_rewrite(f"tests.contract.{part}")

from tests.contract.cases import Case  # noqa: E402
from tests.contract.explaining import ExplainingContract  # noqa: E402
from tests.contract.fitting import FittingContract  # noqa: E402
from tests.contract.matrices import MatrixContract  # noqa: E402
from tests.contract.positives import PositivesContract  # noqa: E402
from tests.contract.ranking import RankingContract  # noqa: E402
from tests.contract.recommending import RecommendingContract  # noqa: E402

__all__ = ["Case", "Contract", "MatrixContract"]


class Contract(FittingContract, RecommendingContract, RankingContract, PositivesContract, ExplainingContract):
    """The contract of every model."""
