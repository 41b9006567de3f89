"""Which report is open, and how one comes about: the first by itself, others by a form."""
