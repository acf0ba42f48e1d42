import pytest

from gingham.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Tea, 250 g – “Été” 🫖", "Tea, 250 g – “Été” 🫖"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\rb\x08\x7f\x00", r"a\rb\x08\x7f\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("abc\u202ecba\u2066", r"abc\u202ecba\u2066"),
        ("one\ntwo\u2028three", r"one\ntwo\u2028three"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


def test_some_can_be_kept() -> None:
    assert visible("one\n\ttwo\x1b", "\n\t") == "one\n\ttwo\\x1b"
