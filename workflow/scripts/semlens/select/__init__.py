"""From a dataset's annotations to the instances that are studied."""
