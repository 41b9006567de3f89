"""Embedding map: the collection as points, any region of it as pictures, and how true the map is.

`page` draws, `controls` choose the map, `chart` is the figure, `lists` and `grid` the pictures
behind it, `uploaded_picture` puts one on it.
"""
