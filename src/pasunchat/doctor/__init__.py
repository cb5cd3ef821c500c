"""The machine and the installation, looked over."""
