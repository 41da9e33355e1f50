"""Figures of results, drawn by matplotlib: the extra `plot`.

Nothing here is imported before somebody asks for a figure. Results name what draws them by text
(`weightgauge.upper`), because they stand below this package.
"""
