"""What the brokers say of orders, and what became of them."""
