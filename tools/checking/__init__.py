"""What tools/check is made of: one module for each kind of check."""
