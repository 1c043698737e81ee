"""Pre-trained networks of several families: their parts, noise, texts and layers, and how layers are captured."""
