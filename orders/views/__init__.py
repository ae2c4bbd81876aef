"""What people and programs see of orders."""
