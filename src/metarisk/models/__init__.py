"""The assembled network, its ensemble, its calibration, and the bundle that ships them."""
