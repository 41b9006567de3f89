"""Building on the Collection page, in three steps: which pictures, what is there, options."""
