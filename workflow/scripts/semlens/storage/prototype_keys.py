"""Keys of the metadata of a prototypes shard; each value is JSON."""

LAYER_SETS = b"layer_sets"  # the columns that each layer set concatenates
PASSES = b"passes"  # every (view, timestep) that was read, whether it shows an instance or not
ENVIRONMENT = b"environment"  # what the features were made with
