"""The upper half of a room: joining, the queue, the board, on top of JupyterHub."""
