"""Draw terminal output as an SVG image for light and dark pages.

COLUMNS=92 gingham demo 2>/dev/null | python docs/images/terminal.py > docs/images/demo.svg
"""

import html
import sys

LINE, CHARACTER, MARGIN = 16.3, 8.43, 16
STYLE = """
rect { fill: #fbfaf7 }
text { fill: #26231e; white-space: pre; font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
@media (prefers-color-scheme: dark) { rect { fill: #1d1b18 } text { fill: #e8e4da } }
"""


def draw(text: str) -> str:
    """Return the SVG image of a text."""
    lines = [line.rstrip() for line in text.rstrip().split("\n")]
    width, height = max(map(len, lines)) * CHARACTER + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Terminal output">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" rx="8"/>',
    ]
    for number, line in enumerate(lines, start=1):
        if line:
            place = f'x="{MARGIN}" y="{MARGIN + number * LINE - 4:.1f}" textLength="{len(line) * CHARACTER:.1f}"'
            parts.append(
                f'<text {place} lengthAdjust="spacingAndGlyphs" xml:space="preserve">{html.escape(line)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    sys.stdout.write(draw(sys.stdin.read()))
