"""What people wait for: the HTTP API, a crowd at once, every page, a slider that moves."""
