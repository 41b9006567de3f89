"""Health on the Collection page: whether all is well, and a card for each thing looked at."""
