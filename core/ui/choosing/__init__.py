"""Which collection a session looks at: the choice, and the control that makes it."""
