"""What runs a lesson's cells in the lesson page, in the browser's worker: the part of a kernel that Pyodide lacks."""
