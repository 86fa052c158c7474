"""schema.org as pages really write it: things, however they were spelled, and the events among them."""
