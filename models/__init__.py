"""Networks and training: layer groups, phases, the activation store, the loop, heads."""
