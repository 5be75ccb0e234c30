"""From a public server to a folder: downloads resumed and checked, archives unpacked safely."""

from metarisk.transfer.download import download
from metarisk.transfer.limits import TransferLimits, UnpackLimits
from metarisk.transfer.record import Downloaded
from metarisk.transfer.unpack import Unpacked, unpack

__all__ = ["Downloaded", "TransferLimits", "UnpackLimits", "Unpacked", "download", "unpack"]
