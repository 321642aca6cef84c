"""`python -m pulsefer` is `pulsefer`."""

from pulsefer.app.cli import main

main()
