"""What belongs to whoever builds: secrets. It knows no images, no guests and no disks."""
