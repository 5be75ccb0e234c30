"""Whole jobs, one public function each: what a command, a notebook or a scheduler calls."""
