"""Forms in which a document can be written; `formats` lists them."""
