"""Where hits go wrong: classes that are confused, worst queries, suspected labels, hubs."""
