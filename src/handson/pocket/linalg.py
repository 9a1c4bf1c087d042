"""`torch.linalg`: norms, the inverse, and products."""

from handson.pocket.linear import LinAlgError, cross, inv, matmul
from handson.pocket.reductions import norm
from handson.pocket.reductions import norm as vector_norm
from handson.pocket.shapes import diagonal

__all__ = ["LinAlgError", "cross", "diagonal", "inv", "matmul", "norm", "vector_norm"]
