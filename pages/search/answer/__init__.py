"""The answer: what it is worth, the hits as a grid, under every metric, in detail, as files."""
