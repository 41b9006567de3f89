"""The embedding map: what computing it takes (`layout`), and what a browser takes (`browser`).

python -m scripts.benchmark map --rows 5000 --points 20000 --browser-points 200000
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line of `layout`, which runs `browser` as well."""
    # Not above: each of them is run in a process of its own too.
    from scripts.benchmark.map import layout

    return layout.main(argv)
