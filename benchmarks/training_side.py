"""One side of training.py: for each line of standard input, trains and prints the seconds of an epoch."""

import json
import sys
import time

import gingham as gg
from shop import make_shop

# Epochs of a timed call, which includes preparations that are done once per call.
EPOCHS = 3

shop = make_shop()
negatives = shop.train.copy()
negatives.data[::2] = -1
features = {"item_features": shop.item_features, "user_features": shop.user_features}
models: dict[tuple[str, str], gg.HybridMF] = {}
print(flush=True)
for line in sys.stdin:
    loss, rows, threads = line.split()
    key = (loss, rows)
    if key not in models:
        models[key] = gg.HybridMF(n_components=50, loss=loss, prior=None, random_state=1)
    start = time.perf_counter()
    models[key].fit_partial(
        negatives if loss == "logistic" else shop.train,
        epochs=EPOCHS,
        num_threads=int(threads),
        verbose=False,
        **(features if rows == "features" else {}),
    )
    print(json.dumps((time.perf_counter() - start) / EPOCHS), flush=True)
