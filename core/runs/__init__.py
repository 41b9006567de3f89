"""Work in the background: one run at a time, watched by every session, cancelled, continued later.

Every change that the dashboard makes to a collection goes through here. Start with `Runner`,
`RunState`, `Workshop`, `load_history` and the tasks of `core.runs.task`.

    for run in load_history(load_settings().data).runs:  # core.runs.history
        print(run)
    print(duration(75))
"""
