"""Browsing on the Collection page: classes as a filter, pictures as a grid, an inspection."""
