"""What `make bench` measures, and the processes it measures with."""
