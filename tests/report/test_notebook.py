import re

import polars as pl

import gingham as gg
from gingham.report import Table, notebook_html
from tests.bazaar import bazaar


def visible(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))


def test_notebook_html_contains_sentences_and_tables_escaped() -> None:
    html = notebook_html(["a < b & c"], [Table(("name", "value"), [("<script>", "1")])])
    assert "a &lt; b &amp; c" in html
    assert "<script>" not in html
    assert '<td class="number">1</td>' in html
    assert html.startswith('<div class="gingham">')
    assert html.endswith("</div>")


def test_style_sets_no_text_or_background_colours() -> None:
    style = notebook_html([], [])
    assert not re.search(r"(?<!border-)\bcolor:|#[0-9a-f]{3}", style)


def test_html_of_an_evaluation_contains_every_value() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    found = gg.evaluate(gg.Popularity().fit(train), test, k=3, by="history")
    text = visible(found._repr_html_())
    for metric, mean, low, high, users in found.table.iter_rows():
        assert metric in text
        assert f"{mean:.4f}" in text
        assert f"{low:.4f}–{high:.4f}" in text
        assert str(users) in text
    assert "history" in text
    assert repr(found) == str(found)
    assert "precision@3" in repr(found)


def test_html_of_a_comparison_contains_models_and_verdicts() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    found = gg.compare({"mine <1>": gg.ItemKNN(n_neighbours=2)}, train, test, k=3)
    html = found._repr_html_()
    assert "mine &lt;1&gt;" in html
    mean, low, high = found.table.filter(model="mine <1>", metric="map@3").row(0)[2:5]
    mark = {"better": "+", "worse": "-", "no clear difference": "="}[
        found.differences.filter(model="mine <1>", metric="map@3")["verdict"][0]
    ]
    assert f"{mean:.4f} ({low:.3f}–{high:.3f}) {mark}<" in html
    assert found.sentences[0] in visible(html).replace("&lt;", "<").replace("&gt;", ">")
    assert "+ better, - worse, = no clear difference" in html
    assert "mine <1>" in repr(found)


def test_html_of_a_search_contains_its_trials() -> None:
    found = gg.tune(
        bazaar(),
        model={"kind": "ease"},
        space={"l2": {"low": 1.0, "high": 100.0}},
        trials=5,
        metric="map@3",
        verbose=False,
    )
    text = visible(found._repr_html_())
    assert f"map@3 {found.best_value:.4f} on the validation part" in text
    for value in found.trials["value"]:
        assert f"{value:.4f}" in text
    assert repr(found).startswith("Tuning(5 trials: best map@3 ")


def test_a_profile_shows_its_page_within_a_frame() -> None:
    html = gg.profile(gg.synth.sample_tables())._repr_html_()
    assert html.startswith('<iframe sandbox="allow-scripts"')
    assert "&lt;h1&gt;Profile&lt;/h1&gt;" in html
    assert html.count("<") == 2  # the page is escaped


def test_tables_and_findings_are_tables_in_a_notebook() -> None:
    rows = pl.DataFrame({"user_id": ["<b>", "NULL"], "item_id": ["x", "y"], "price": [1.0, -1.0]})
    tables = gg.Tables(rows)
    assert "<td>&quot;price&quot;</td>" in tables._repr_html_()
    findings = gg.check(tables)
    text = visible(findings._repr_html_())
    assert "look like a missing value" in text
    assert "negative values" in text
    assert repr(findings) == "\n".join(map(str, findings))
    assert repr(gg.check(gg.Tables(rows.head(1)))) == "No findings."
