"""How good is it? Accuracy, mistakes, calibration."""
