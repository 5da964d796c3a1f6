"""Steps: runs a plan on a guest and reports what became of each step."""
