"""From a public server to a folder: downloads resumed and checked, archives unpacked safely."""
