"""How alike representations of the same objects are: kernels, distances and neighbours, pair by pair."""
