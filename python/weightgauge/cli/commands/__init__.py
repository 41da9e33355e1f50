"""One module for each command; `weightgauge.cli.group` lists them."""
