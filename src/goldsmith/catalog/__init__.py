"""What exists: images and builds, as records in the database. It knows no guests and no files."""
