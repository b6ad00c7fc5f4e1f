"""From shots to signed, scaled numbers with standard errors."""
