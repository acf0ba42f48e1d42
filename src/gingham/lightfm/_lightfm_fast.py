"""The name of LightFM's compiled module, whose internal functions do not exist here."""

_INTERNALS = (
    "CSRMatrix",
    "FastLightFM",
    "calculate_auc_from_rank",
    "fit_bpr",
    "fit_logistic",
    "fit_warp",
    "fit_warp_kos",
    "predict_lightfm",
    "predict_ranks",
)


def __getattr__(name: str) -> object:
    if name in _INTERNALS:
        raise ImportError(
            f"gingham.lightfm has no {name}, an internal part of LightFM; use the methods of LightFM and the functions "
            "of lightfm.evaluation."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
