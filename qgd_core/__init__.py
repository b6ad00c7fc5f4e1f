"""qgd: train classical machine-learning models with fault-tolerant quantum algorithms."""
