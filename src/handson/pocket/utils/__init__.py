"""`torch.utils`: checkpointing and data loading."""

from handson.pocket.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
