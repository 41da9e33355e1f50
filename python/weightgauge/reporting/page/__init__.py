"""Reports: one page that shows a model in pictures, opens offline and asks nothing of a network."""
