import re
from datetime import date
from pathlib import Path

import pytest

import gingham
from gingham.config import Recipe
from gingham.errors import ConfigError

HM = """\
# Kaggle's H&M files.
refit = false

[transactions]
path = "transactions_train.csv"
user_id = "customer_id"
item_id = "article_id"
timestamp = "t_dat"
price = "price"

[users]
path = "customers.csv"
user_id = "customer_id"

[items]
path = "articles.csv"
item_id = "article_id"
name = "prod_name"
type = "product_type_name"

[clean]
start = 2019-01-01
end = 2020-01-01
min_transactions = 11
max_transactions = 99
users = "age > 16 AND age < 38"
items = "index_name = 'Ladieswear'"

[features.users]
categorical = ["club_member_status"]
quantile = {age = 8}

[features.items]
categorical = ["product_type_name"]
multi = {tags = "|"}

[split]
kind = "random"
test = 0.2
random_state = 42

[model]
kind = "hybrid"
n_components = 50
loss = "warp"
learning_rate = 0.05
epochs = 5
num_threads = 4

[recommend]
k = 12
"""
SMALL = '[transactions]\npath = "t.csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'
TIMELESS = SMALL.replace('timestamp = "t"\n', "")


def test_a_whole_recipe() -> None:
    recipe = Recipe.parse(HM, "shop", "hm.toml")
    assert recipe.name == "hm"
    assert recipe.base == Path("shop")
    assert recipe.text == HM
    assert recipe.transactions.price == "price"
    assert recipe.items is not None
    assert recipe.items.type == "product_type_name"
    assert recipe.clean.start == date(2019, 1, 1)
    assert recipe.clean.max_transactions == 99
    assert recipe.features.users.quantile == {"age": 8}
    assert recipe.features.items.multi == {"tags": "|"}
    assert (recipe.split.kind, recipe.split.test) == ("random", 0.2)
    assert recipe.model.params == {"n_components": 50, "loss": "warp", "learning_rate": 0.05, "epochs": 5}
    assert recipe.recommend.k == 12
    assert not recipe.refit


def test_what_the_recipe_for_any_shop_has_in_comments_is_right() -> None:
    recipe = (Path(gingham.__file__).parent / "cli" / "recipes" / "csv.toml").read_text(encoding="utf-8")
    before, commented, after = re.split(r"(?m)^(?=# \[features\.users\]|\[split\])", recipe)
    features = Recipe.parse(before + re.sub(r"(?m)^# ", "", commented) + after).features
    assert features.users.columns == ["country", "age"]
    assert (features.users.scaled, features.users.min_count) == (["age"], 10)
    assert features.items.columns == ["type", "tags", "launch", "description"]
    assert features.items.normalize
    model = Recipe.parse(recipe.replace("# budget", "budget")).model
    assert (model.is_auto, model.budget.total_seconds()) == (True, 300)


def test_all_items_are_candidates_if_a_table_and_features_describe_them() -> None:
    recipe = 'transactions = { path = "t.csv", user_id = "u", item_id = "i", timestamp = "t" }\n'
    features = 'features.items.categorical = ["kind"]\n'
    table = 'items = { path = "i.csv", candidates = "all" }\n'
    assert Recipe.parse(recipe).candidates == "sold"
    assert Recipe.parse(recipe + 'items = { path = "i.csv" }\n').candidates == "sold"
    assert Recipe.parse(recipe + table + features).candidates == "all"
    with pytest.raises(ConfigError, match=r"items\.candidates is 'all', but features\.items is empty.*; name columns"):
        Recipe.parse(recipe + table)
    with pytest.raises(ConfigError, match="all of them were sold; add the path of a table of all items"):
        Recipe.parse(recipe + 'items = { columns = ["kind"], candidates = "all" }\n' + features)


def test_transactions_are_enough() -> None:
    recipe = Recipe.parse(SMALL)
    assert recipe.users is None
    assert recipe.items is None
    assert recipe.split.kind == "time"
    assert recipe.model.kind == "hybrid"
    assert recipe.model.params == {}
    assert recipe.model.num_threads == 0
    assert recipe.evaluate.k == recipe.recommend.k == 12
    assert not recipe.recommend.filter_seen
    assert recipe.refit
    assert recipe.compare.models == []


def test_a_file_is_read_and_its_folder_kept(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(SMALL, encoding="utf-8-sig")
    recipe = Recipe.read(path)
    assert (recipe.name, recipe.base, recipe.text) == ("shop", tmp_path, SMALL)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Recipe.parse(text, file="shop.toml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "shop.toml: add section [transactions]."),
        ('[transactions]\npath = "t"\nuser_id = "u"\n', "section [transactions] has no key 'item_id'; add it"),
        (SMALL + "[clean]\nstrat = 2019-01-01", "unknown key 'strat' in section [clean]; did you mean 'start'"),
        (SMALL + "[claen]\n", "unknown key 'claen'; did you mean 'clean'"),
        (
            SMALL + "[features.users]\nbins = 3",
            "unknown key 'bins' in section [features.users]; its keys are cat",
        ),
        (SMALL + '[users]\npath = "u"\nidd = "x"', "unknown key 'idd' in section [users]"),
        (SMALL + "[recommend]\nk = 0", "recommend.k is 0; input should be greater than or equal to 1"),
        (SMALL + '[recommend]\nk = "many"', "recommend.k is 'many'; input should be a valid integer"),
        (SMALL + '[clean]\nstart = "soon"', "clean.start is 'soon'; input should be a valid date"),
        (SMALL + "[clean]\nmin_transactions = 5\nmax_transactions = 4", "clean: min_transactions 5 is greater than"),
        (SMALL + "[clean]\nstart = 2020-01-01\nend = 2019-01-01", "clean: start 2020-01-01 is not before end"),
        (SMALL + '[model]\nkind = "deep"', "model.kind: unknown model 'deep'; use one of "),
        (
            SMALL + '[split]\nkind = "random"\ntest = "7d"',
            "split: test must be a finite number above 0 and below 1",
        ),
        (SMALL + "[split]\ntest = 0.2", "split: test=0.2 is not a duration or a date"),
        (SMALL + "[split]\ntest = [1]", "split: test=[1] is not a duration or a date"),
        (SMALL + "[users]\n", "users: path and columns are missing"),
        (
            SMALL + '[users]\npath="u"\n[features.users]\nquantile = {age = 1}',
            "features.users: the number of bins of column 'age' must be at least 2, not 1",
        ),
        (SMALL + '[features.items]\ncategorical = ["colour"]', "features.items names column 'colour'"),
        (SMALL + '[features.items]\ncategorical = "colour"', "features.items.categorical is 'colour'"),
        (SMALL + '[[compare.models]]\nkind = "hybrid"', "section [compare.models.0] has no key 'name'; add it"),
        (
            SMALL + '[[compare.models]]\nname = "a"\nkind = "b"',
            "compare.models.0.kind: unknown model 'b'",
        ),
        (SMALL + "[compare]\nmodel = []", "unknown key 'model' in section [compare]; did you mean 'models'"),
        (SMALL + '[compare]\nmetric = "mapp@12"', "compare: Unknown metric 'mapp@12'"),
        (SMALL + '[compare]\nmetric = "map@5"', "compare.metric 'map@5' is not measured; use one of precision@12"),
        (SMALL + '[compare]\nwindow = "3m"', "compare: '3m' is not a duration"),
        (TIMELESS, "split.kind 'time' needs transactions.timestamp"),
        (TIMELESS + '[split]\nkind = "last-n"', "split.kind 'last-n' needs transactions.timestamp"),
        (TIMELESS + '[split]\nkind = "random"\n[clean]\nend = 2019-01-01', "clean.start and clean.end need"),
        ("path = ", "shop.toml is not valid TOML: Invalid value"),
    ],
)
def test_a_wrong_recipe_ends_in_one_sentence(text: str, problem: str) -> None:
    (sentence,) = problems(text)
    assert sentence.startswith("shop.toml")
    assert sentence.endswith(".")
    assert problem in sentence


def test_every_problem_has_a_sentence() -> None:
    assert len(problems('nmae = "x"\n[transactions]\npath = 3\n[recommend]\nk = -1\n')) == 5


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"recipe .*absent\.toml does not exist; write one with `gingham init`"):
        Recipe.read(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        Recipe.read(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ConfigError, match=r"latin\.toml cannot be read"):
        Recipe.read(tmp_path / "latin.toml")


def test_a_narrowed_recipe_reads_the_columns_of_a_dataset() -> None:
    recipe = Recipe.parse(
        """
        [transactions]
        path = "t.csv"
        user_id = "who"
        item_id = "what"
        timestamp = "when"
        price = "cost"
        quantity = "pieces"
        channel = "shop"
        [users]
        path = "u.csv"
        [items]
        path = "i.csv"
        item_id = "sku"
        name = "title"
        columns = ["kind", "colour"]
        [clean]
        users = "age > 3 AND NOT blocked"
        value = "quantity"
        [features.users]
        categorical = ["town"]
        """
    )
    narrowed = recipe.narrowed()
    assert (narrowed.transactions.price, narrowed.transactions.quantity, narrowed.transactions.channel) == (
        None, "pieces", None,
    )  # fmt: skip
    assert narrowed.users is not None
    assert narrowed.users.columns == ["who", "town", "age", "blocked"]
    assert narrowed.items == recipe.items
    assert narrowed.text == recipe.text
    # Deduplication compares all roles.
    whole = recipe.model_copy(update={"clean": recipe.clean.model_copy(update={"deduplicate": True})})
    assert whole.narrowed().transactions == recipe.transactions
    wrong = recipe.model_copy(update={"clean": recipe.clean.model_copy(update={"users": "age >"})})
    assert wrong.narrowed().users == recipe.users


@pytest.mark.parametrize(
    "text",
    [
        HM,
        f'base = "data"\n{HM}',
        f"# A shop.\n  base   = 'data' # here\nname = \"x\"\n{HM}",
        HM.replace("{age = 8}", "{age = 8, base = 4}"),
        HM.replace("quantile = {age = 8}", "[features.users.quantile]\nbase = 4"),
    ],
)
def test_a_stored_recipe_runs_from_any_folder(text: str) -> None:
    recipe = Recipe.parse(text, "shop", "a.toml")
    folder = Path("shop/data" if "data" in text.split("[")[0] else "shop")
    assert recipe.base == folder
    stored = Recipe.parse(recipe.stored_text, "/elsewhere", "a.toml")
    assert stored.base == folder.absolute()
    assert stored.model_dump() == recipe.model_dump()
    assert Recipe.parse(stored.stored_text, "/third", "a.toml").stored_text == stored.stored_text == recipe.stored_text


def test_a_base_that_is_not_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="base must be the path of a folder, not 3; write it as text"):
        Recipe.parse(f"base = 3\n{HM}")


def test_auto_has_parameters_of_its_own() -> None:
    model = Recipe.parse(f'{SMALL}\n[model]\nkind = "auto"\nbudget = "20m"\nrandom_state = 3\n').model
    assert model.is_auto
    assert model.budget.total_seconds() == 1200
    kinds = [cls.kind for cls in model.classes]
    assert {"popularity", "buy-again"} == set(kinds[:2])
    assert kinds[-1] == "two-stage"
    assert "price" in Recipe.parse(f'{SMALL}\n[model]\nkind = "auto"\n')._model_columns


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("epochs = 5", "'epochs' is not a parameter of kind = 'auto'"),
        ('budget = "soon"', "'soon' is not a time limit"),
        ("budget = 300", "budget must be a string, not 300"),
        ("random_state = -1", "random_state must be"),
        ('[[compare.models]]\nname = "bpr"\nloss = "bpr"', "compare.models 'bpr' has no kind of its own"),
        ('[[compare.models]]\nname = "two"\nkind = "auto"', "only [model] can have kind = 'auto'"),
    ],
)
def test_what_auto_does_not_allow(lines: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe.parse(f'{SMALL}\n[model]\nkind = "auto"\n{lines}\n')
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_kind_shares_the_seed_and_the_threads() -> None:
    recipe = Recipe.parse(f"{SMALL}\n[model]\nepochs = 3\nnum_threads = 2\nrandom_state = 4\n")
    assert recipe.with_kind("hybrid") is recipe
    als = recipe.with_kind("als").model
    assert (als.kind, als.num_threads, als.params) == ("als", 2, {"random_state": 4})
    assert recipe.with_kind("item-knn").model.params == {}
    assert recipe.with_kind("auto").model.params == {"random_state": 4}
    with pytest.raises(ConfigError, match="did you mean 'als'"):
        recipe.with_kind("asl")
