"""What fruit lies on and in, and how it is laid out."""
