"""The sample dataset: ten classes of drawn fruit, so that everything works without a download.

A picture depends on nothing but the seed, its class, its number and the size. Start with
`draw_sample` and `CLASSES`; what a picture is made of begins in `scene`.

    count = draw_sample(Path("drawn"), per_class=1, size=64)  # core.sample.drawing
    print(count, "pictures of", ", ".join(CLASSES))
    print(sorted(Path("drawn").rglob("*.jpg"))[0])
"""
