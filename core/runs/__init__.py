"""Work in the background: one run at a time, watched by every session, cancelled, continued later.

Every change that the dashboard makes to a collection goes through here. Start with `Runner`,
`RunState`, `past_runs` and the tasks of `core.runs.task`.

    for run in past_runs(Path("data")):  # core.runs.history
        print(run)
    print(duration(75))
"""
