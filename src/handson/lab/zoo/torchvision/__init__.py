"""Networks for the weight files that torchvision publishes: their names, shapes and numerics in modules of our own.

torchvision itself is not needed. `weights.load_torchvision` reads a file; `stages` lists what is worth looking at.
"""
