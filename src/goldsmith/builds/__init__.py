"""From a recipe to an image: the stages of a build, and the smaller jobs that share them."""
