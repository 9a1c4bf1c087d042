"""`torch.nn.parameter`."""

from handson.pocket.tensor import Parameter

__all__ = ["Parameter"]
