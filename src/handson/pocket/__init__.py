"""PyTorch's shape in the pocket: a small deep-learning library over one C source, native and in the browser."""
