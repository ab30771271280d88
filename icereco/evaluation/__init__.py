"""How good reconstructions are: angular errors, calibration of kappa, and the report of both."""
