"""`python -m dgx_pixels.server` is `dgx-pixels`."""

from dgx_pixels.server.cli import main

main()
