"""The version of LightFM whose behaviour this package follows."""

# Programs that check it expect LightFM's version, not Gingham's.
__version__ = "1.17"
