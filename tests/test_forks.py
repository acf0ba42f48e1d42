import subprocess
import sys
from pathlib import Path

# Polars' threads are running when it forks: a child recommends, or gets a ForkError, but never waits for ever.
FORKS = """
import os, signal, sys, tempfile, time
from pathlib import Path
import polars as pl
import gingham as gg
from gingham.errors import ForkError, UnknownIdError
from gingham.lightfm import LightFM

tables = gg.synth.sample_tables()
train, test = gg.split.by_time(gg.Dataset.from_tables(tables), test="7d")
interactions = train.matrix()
drop_in = LightFM(no_components=4).fit(interactions)
ranker = gg.LightGBMRanker(n_estimators=2, num_leaves=4, min_child_samples=5)
two_stage = gg.TwoStage([gg.Popularity(), gg.BuyAgain()], ranker, n_candidates=5)
two_stage.fit(train, num_threads=1, verbose=False)
recipe = Path(sys.argv[1]) / "shop.toml"
names = ("user_id", "item_id", "timestamp")
recipe.write_text("".join(['[transactions]\\npath = "sales.csv"\\n', *(f'{name} = "{name}"\\n' for name in names)]))
(recipe.parent / "sales.csv").write_text("user_id,item_id,timestamp\\nu1,i1,2024-01-01\\n")
large = gg.Dataset.from_tables(gg.Tables(pl.DataFrame({
    "user_id": [f"user {number:06d}" for number in range(30_000)],
    "item_id": [f"i{number % 50}" for number in range(30_000)],
})))
options = {"n_components": 4, "epochs": 1, "random_state": 1}
models = [gg.HybridMF(**options), gg.ALS(**options), gg.ItemKNN(), gg.BuyAgain(), gg.Popularity()]
for model in models:
    model.fit(train, verbose=False)
everyone = gg.Popularity().fit(large)
folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
rules = gg.Rules(exclude_bought="7d", new={"share": 0.1, "within": "7d"}, pins=[{"item": "i03", "position": 2}])
items = pl.DataFrame({"item_id": train.item_ids.values, "group": [number % 3 for number in range(20)]})
of_columns = gg.Rules(filter="group > 0", caps={"group": 2}).bind(items)
with_values = gg.Rules(filter="group > :least", request={"least": 0}).bind(items)
models[0].save(folder / "model")


def in_child(expected, actions):
    # Run actions one after the other in a forked process, and print how they end.
    child = os.fork()
    if not child:
        for what, action in actions.items():
            print("in", what, flush=True)
            try:
                action()
                outcome = "works"
            except (ForkError, UnknownIdError) as error:
                outcome = type(error).__name__
            print("in", what, outcome, "as expected" if outcome == expected else "wrong", flush=True)
        os._exit(0)
    for _ in range(3000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return print("a child ended", status == 0, flush=True)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("a child hangs", flush=True)


users = train.user_ids.values.to_list()
for model in models:
    expected = model.recommend(users, k=3, filter_seen=True, exclude=["i03"]).rows()
    works = {
        "recommend": lambda: model.recommend(users, k=3, filter_seen=True, exclude=["i03"]).rows() == expected or 1 / 0,
        "recommend one": lambda: model.recommend(["u00"], items=["i01", "i02"], k=2),
        "recommend all": lambda: model.recommend(),
        "predict": lambda: model.predict("u00", ["i00", "i01"]),
        "rank": lambda: model.predict_rank(test),
    }
    if "similar_items" in model.supports:
        works["similar items"] = lambda: model.similar_items(["i00"], k=3)
    if hasattr(model, "similar_users"):
        works["similar users"] = lambda: model.similar_users(users, k=3)
    if "baskets" in model.supports:
        works["baskets"] = lambda: model.recommend_baskets({"new": ["i00", "i01"]}, k=3)
    works["fit"] = lambda: model.fit(train, verbose=False)
    in_child("works", works)
models[0].recommend(["u00"], k=3, rules=of_columns)
in_child("works", {
    "rules": lambda: models[0].recommend(k=3, rules=rules),
    "rules that were used": lambda: models[0].recommend(k=3, rules=of_columns),
    "large": lambda: everyone.recommend(),
    "large, by id": lambda: everyone.recommend(large.user_ids.values.to_list()[::-1]),
    "an allow-list": lambda: everyone.recommend(["user 000001"], k=1, items=["i1", "i7", "no item"] * 5_000),
    "floats": lambda: everyone.recommend(["user 000001"], k=1, exclude=pl.Series(range(30_000), dtype=pl.Float64)),
    "categories": lambda: everyone.recommend(pl.Series(["user 000001"] * 20_000, dtype=pl.Categorical)),
    "split by time": lambda: gg.split.by_time(train, test="7d"),
    "random split": lambda: gg.split.random(train, random_state=1),
    "the drop-in": lambda: drop_in.predict(0, [0, 1]),
    "the drop-in's fit": lambda: LightFM(no_components=4).fit(interactions),
    "the drop-in's ranks": lambda: drop_in.predict_rank(interactions),
    "rows": lambda: everyone.recommend().rows(),
    "dicts": lambda: everyone.recommend().to_dicts(),
    "JSON": lambda: everyone.recommend().write_json(),
    "a column": lambda: everyone.recommend()["item_id"].to_list(),
})
in_child("UnknownIdError", {
    "an unknown id": lambda: everyone.recommend(["user 000001", "user 1"]),
    "many unknown ids": lambda: everyone.recommend([f"none {number}" for number in range(30_000)]),
})
in_child("ForkError", {
    **{f"evaluate {type(model).__name__}": lambda model=model: gg.evaluate(model, test, k=3) for model in models},
    **{f"save {type(model).__name__}": lambda model=model: model.save(folder / "new") for model in models},
    "load": lambda: gg.load(folder / "model"),
    "rules on columns": lambda: models[0].recommend(k=3, rules=gg.Rules(filter="group > 0").bind(items)),
    "rules with values": lambda: models[0].recommend(k=3, rules=with_values),
    "compare": lambda: gg.compare({"a": gg.Popularity()}, train, test, k=3),
    "dataset": lambda: gg.Dataset.from_tables(tables),
    "profile": lambda: gg.profile(tables),
    "new ids": lambda: gg.Ids.from_series(pl.Series([f"{number % 7919}" for number in range(50_000)])),
    "cleaning": lambda: gg.clean(tables),
    "check": lambda: gg.check(tables),
    "read": lambda: gg.read_tables(recipe),
    "run": lambda: gg.run(recipe, folder / "run"),
    "tune": lambda: gg.tune(train, trials=1, verbose=False),
    "sample": lambda: gg.synth.sample_dataset(),
    "fashion": lambda: gg.synth.hm(folder / "hm", scale=0.0001),
    "two stages": lambda: two_stage.recommend(["u00"], k=3),
    "explanation": lambda: two_stage.explain(two_stage.recommend(["u00"], k=3)),
})
in_child("works", {"a fork": lambda: in_child("ForkError", {"load in a fork": lambda: gg.load(folder / "model")})})
"""
# Nothing has started Polars' threads when this process forks, so its child can.
IDLE = """
import os, sys
import gingham as gg
child = os.fork()
if not child:
    gg.Popularity().fit(gg.synth.sample_dataset()).save(sys.argv[1] + "/model")
    os._exit(len(gg.load(sys.argv[1] + "/model").recommend(["u00"], k=3)))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
# A program used Polars before it forked, and only its child imports Gingham.
LATE = """
import os
import polars as pl
pl.DataFrame({"a": range(10)}).lazy().sort("a").collect()
child = os.fork()
if not child:
    import gingham as gg
    try:
        gg.synth.sample_dataset()
    except gg.errors.ForkError:
        os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def output_of(program: str, folder: Path) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()


def test_a_forked_process_recommends_or_gets_an_error(tmp_path: Path) -> None:
    lines = output_of(FORKS, tmp_path)
    assert [line for line in lines if line.endswith(("wrong", "hangs", "False"))] == []
    assert sum(line.endswith("as expected") for line in lines) > 70
    assert lines.count("a child ended True") == 10


def test_a_process_that_was_forked_early_can_do_everything(tmp_path: Path) -> None:
    assert output_of(IDLE, tmp_path) == ["3"]


def test_a_process_that_imports_gingham_after_the_fork_gets_an_error(tmp_path: Path) -> None:
    assert output_of(LATE, tmp_path) == ["3"]


def test_a_system_without_a_list_of_threads_takes_every_fork_as_too_late(tmp_path: Path) -> None:
    elsewhere = "from pathlib import Path; from gingham import forks; forks._TASKS = Path('nowhere')"
    assert output_of(f"{elsewhere}\nimport polars\n{IDLE.replace('len(gg', '0 * len(gg')}", tmp_path) == ["1"]
    assert output_of(f"{elsewhere}\n{LATE}", tmp_path) == ["3"]
