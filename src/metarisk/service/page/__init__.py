"""Files of the page at `/`: a document, its style, its script in modules, and the window of a report."""
