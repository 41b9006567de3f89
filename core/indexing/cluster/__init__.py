"""Encoding on the machines of a Ray cluster, or on the processors of this one.

Start with `connected`, `EncodingOnCluster` and `sent`. Ray ends whatever process speaks with it
when it takes the cluster for lost, so none of it runs in ours: a process of its own (`driver`) does
that, and `connection` starts it, asks it and notices its end.
"""
