"""Photos to rows: the encoder, a whole run, a run on a cluster, each beside a plain loop."""
