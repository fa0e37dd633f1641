"""Money: what a call costs, what it may cost, and which stretch of time a budget counts. Integers throughout, never floats."""
