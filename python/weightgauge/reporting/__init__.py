"""Results as documents, and documents as text and data."""
