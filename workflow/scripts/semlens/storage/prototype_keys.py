"""Keys of the metadata of a prototypes shard; each value is JSON, described in the contract of prototypes."""

LAYER_SETS = b"layer_sets"
PASSES = b"passes"
ENVIRONMENT = b"environment"
