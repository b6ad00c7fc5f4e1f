"""The conformance suite: what every backend must do, checked by plain functions against the dense reference."""
