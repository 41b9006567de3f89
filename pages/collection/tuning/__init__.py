"""Which index: what each costs and loses on one's own pictures, and the one to take."""
