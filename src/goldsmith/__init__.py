"""goldsmith builds golden VM images behind the image-builder APIs of AWS and Alibaba Cloud."""
