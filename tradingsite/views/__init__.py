"""Pages and answers of the roof: the desk overview and the health of the house."""
