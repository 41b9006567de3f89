"""The question: pictures and their parts, marks, metric and thoroughness, filters."""
