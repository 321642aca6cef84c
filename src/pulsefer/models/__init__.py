"""The networks. Tensors in, tensors out."""
