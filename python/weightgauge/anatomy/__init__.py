"""What every tensor of a checkpoint is, from names, shapes and configuration alone."""
