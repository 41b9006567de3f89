"""The HTTP API: the questions that the pages ask, for programs, in the same process.

Routes are thin: they read parameters, call what the pages call, and write JSON. Start with
`api_routes`, `Services` and `Access`; docs/api.md shows the API from outside.

    access = Access(token="", is_local=True)
    print(access.refused(Headers({"host": "evil.example"}), "127.0.0.1"))
    print(problem("QueryError", "k is 0, allowed are 1 to 100.", 400).body)
"""
