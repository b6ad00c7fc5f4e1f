"""Plans: every cost and every share of the error before its circuit is built."""
