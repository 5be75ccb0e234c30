"""A bar from the middle: to the right what raises an answer, to the left what lowers it."""

from __future__ import annotations

from metarisk.report.page.markup import Markup, element

WIDTH, HEIGHT = 120, 12


def push_bar(size: float, longest: float, told: str, *, sure: bool = True) -> Markup:
    """A signed size.

    Parameters
    ----------
    size
        Above 0 to the right.
    longest
        Size that fills half of the width.
    told
        The same in words, for those who do not see it.
    sure
        Whether it is drawn filled; otherwise as an outline.
    """
    middle = WIDTH / 2
    length = min(abs(size) / longest, 1.0) * (middle - 1) if longest > 0 else 0.0
    kind = f"{'raises' if size > 0 else 'lowers'}{'' if sure else ' unsure'}"
    bar = element(
        "rect",
        class_=kind,
        x=f"{middle if size > 0 else middle - length:.1f}",
        y=2,
        width=f"{length:.1f}",
        height=HEIGHT - 4,
    )
    axis = element("line", class_="axis", x1=middle, x2=middle, y1=0, y2=HEIGHT)
    box = f"0 0 {WIDTH} {HEIGHT}"
    size_of = {"width": WIDTH, "height": HEIGHT}
    return element("svg", bar, axis, class_="push", viewBox=box, role="img", aria_label=told, **size_of)
