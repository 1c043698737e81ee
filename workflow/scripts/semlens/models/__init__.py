"""Pre-trained models: their parts, their layers, and how layers are captured."""
