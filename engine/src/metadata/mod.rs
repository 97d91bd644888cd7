//! Containers: ids from control groups, names and images from the runtimes.
