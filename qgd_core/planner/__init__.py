"""Plans: every cost and every share of the error before a circuit is built."""
